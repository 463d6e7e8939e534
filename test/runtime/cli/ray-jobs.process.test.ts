/** `mobula job` as a user meets it: notebooks and scripts on the shared Ray cluster. */
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readNotebook, shownBy, writeNotebook } from "../../support/notebook-files.ts";
import type { RayCluster } from "../../support/ray-cluster.ts";
import { sharedRay } from "../../support/shared-ray.ts";
import { type Finished, type Running, startMobula } from "./mobula.ts";

// A job starts a kernel, a driver and the cluster's workers, one after the other.
vi.setConfig({ testTimeout: 300_000 });

let ray: RayCluster;
let folder: string;

beforeAll(async () => {
  ray = await sharedRay();
  folder = await mkdtemp(join(tmpdir(), "ray jobs "));
  await writeFile(join(folder, "prices.ts"), "export const priceOf = (n: number): number => n * 1.5;\n");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await ray.stop();
});

const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running =>
  startMobula(folder, ["job", ...args], {
    ...process.env,
    MOBULA_ADDRESS: ray.address,
    RAY_AUTH_TOKEN: ray.token,
    ...env,
  });
const job = (...args: readonly string[]): Promise<Finished> => start(args).finished;

test("a notebook runs on the cluster with its parameters and the files beside it, and comes back", async () => {
  writeNotebook(join(folder, "sum.ipynb"), {
    parameters: "let count = 2; // how many\nlet label = 'none';",
    use: 'import { cluster, get, task } from "mobula";\nimport { priceOf } from "./prices.ts";',
    run: [
      "const price = task((n: number) => [priceOf(n)] as const);",
      "const all = await get(Array.from({ length: count }, (_, n) => price(n)));",
      "const values = all.map(([value]) => value).join();",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell's.
      "console.log(`${label} ${values} ${(await cluster()).resources.cpus?.total}`);",
    ].join("\n"),
  });
  const label = "it's $HOME";
  const { code, stdout, stderr } = await job("submit", "sum.ipynb", "-p", "count=4", "-p", `label=${label}`);
  expect(stderr).toMatch(/sum\.ipynb runs on ray:\S+ as the job sum-[0-9a-f]{8}\n(?:.*\n)*sum\.out\.ipynb\n/);
  expect(stdout).toContain(`${label} 0,1.5,3,4.5 2\n`);
  expect(code).toBe(0);
  const cells = readNotebook(join(folder, "sum.out.ipynb"));
  // After the line of progress.
  expect(shownBy(cells.at(-1))).toContain(`${label} 0,1.5,3,4.5 2\n`);
});

test("a cell that fails is the job's end, with the same exit code, and its notebook comes back", async () => {
  writeNotebook(join(folder, "bad.ipynb"), { first: "console.log('begun');", bad: "throw new RangeError('too far');" });
  const { code, stdout } = await job("submit", "bad.ipynb", "-o", "failed.ipynb");
  expect(code).toBe(1);
  expect(stdout).toMatch(/begun\n(?:.*\n)*.*RangeError.*too far/);
  // A cell that points to the error comes first.
  const [first, bad] = readNotebook(join(folder, "failed.ipynb")).filter(({ id }) => ["first", "bad"].includes(id));
  expect(shownBy(first)).toBe("begun\n");
  expect(bad?.outputs).toMatchObject([{ ename: "RangeError", evalue: "too far" }]);
});

test("a script in TypeScript runs with its arguments, and its exit code is the command's", async () => {
  await writeFile(
    join(folder, "report.ts"),
    [
      'import { init, shutdown, task } from "mobula";',
      'import { priceOf } from "./prices.ts";',
      "const [, , first, second]: string[] = process.argv;",
      "await init();",
      "const half = task((n: number): number => n / 2);",
      "console.log(first, second, await half(priceOf(8)));",
      "await shutdown();",
      "process.exit(3);",
    ].join("\n"),
  );
  const { code, stdout } = await job("submit", "report.ts", "--", "--fast", "a b");
  expect(stdout).toContain("--fast a b 6\n");
  expect(code).toBe(3);
});

test("a job that nobody waits for is listed, followed, read while it runs, and stopped", async () => {
  writeNotebook(join(folder, "long.ipynb"), { first: "console.log('begun');", last: "await new Promise(() => {});" });
  const submitted = await job("submit", "long.ipynb", "--no-wait");
  const id = submitted.stdout.trim();
  expect(id).toMatch(/^long-[0-9a-f]{8}$/);
  const follower = start(["logs", id, "--follow"]);
  await follower.waitFor(/begun/);
  follower.child.kill("SIGINT");
  const { code, stderr } = await follower.finished;
  expect(stderr).toContain(`The job ${id} goes on.`);
  expect(stderr).toContain(`'mobula job stop ${id} --address ${ray.address}'`);
  expect(code).toBe(130);
  expect((await job("status", id)).stdout).toBe("RUNNING\n");
  expect((await job("logs", id)).stdout).toContain("begun\n");
  // What the notebook shows is written about once a second.
  const seen = async (): Promise<string> => {
    await job("fetch", id, "-o", "so-far.ipynb");
    return shownBy(readNotebook(join(folder, "so-far.ipynb"))[0]);
  };
  await expect.poll(seen, { timeout: 30_000, interval: 500 }).toBe("begun\n");
  expect((await job("stop", id)).stdout).toBe(`The job '${id}' ends.\n`);
  const rest = await job("logs", id, "--follow");
  expect(rest.stderr).toContain(`The job ${id} was stopped.`);
  expect(rest.code).toBe(130);
  const list = await job("list");
  expect(list.stdout).toMatch(new RegExp(`^${id} +STOPPED +\\d{4}-.*long\\.ipynb$`, "m"));
  expect(list.stdout).not.toContain("mobula-hub");
  expect((await job("stop", id)).stdout).toBe(`The job '${id}' was over already: STOPPED.\n`);
});

test("what is wrong is one sentence that says what to do", async () => {
  const refused = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<[number | null, string]> => {
    const { code, stderr } = await start(args, env).finished;
    expect(stderr.trim()).not.toContain("\n");
    return [code, stderr];
  };
  expect(await refused(["status", "nobody"])).toEqual([
    1,
    expect.stringMatching(/has no job 'nobody'; 'mobula job list'/),
  ]);
  expect(await refused(["list"], { RAY_AUTH_TOKEN: "b".repeat(64) })).toEqual([
    1,
    expect.stringMatching(/refuses the token: .*RAY_AUTH_TOKEN/),
  ]);
  expect(await refused(["list", "--address", "ray://127.0.0.1:1"])).toEqual([
    1,
    expect.stringMatching(/nothing listens/),
  ]);
  expect(await refused(["list"], { MOBULA_ADDRESS: "auto" })).toEqual([
    2,
    expect.stringMatching(/'auto' is none.*ray:/),
  ]);
  expect(await refused(["submit", "none.ipynb"])).toEqual([2, expect.stringMatching(/no notebook 'none.ipynb'/)]);
  expect(await refused(["submit", "none.ts"])).toEqual([2, expect.stringMatching(/no script 'none.ts'/)]);
  expect(await refused(["submit", "prices.ts", "-p", "a=1"])).toEqual([2, expect.stringMatching(/is for notebooks/)]);
  expect(await refused(["begin"])).toEqual([2, expect.stringMatching(/no 'mobula job begin'.*'mobula job submit'/)]);
  const large = join(folder, "large.bin");
  await writeFile(large, "");
  await truncate(large, 101 * 1024 ** 2);
  expect(await refused(["submit", "prices.ts"])).toEqual([
    2,
    expect.stringMatching(/more than 100 MB \(the largest is large\.bin.*--working-dir/),
  ]);
});
