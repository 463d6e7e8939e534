import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { dataDirectory, installKernelspec } from "../../kernel/src/install.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "install-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("the kernelspec starts this Node.js with the absolute path of the kernel", async () => {
  const directory = await folder();
  const spec = await installKernelspec({ target: { type: "data-dir", directory } });
  expect(spec).toBe(join(directory, "kernels", "mobula"));
  expect(JSON.parse(await readFile(join(spec, "kernel.json"), "utf8"))).toEqual({
    argv: [
      process.execPath,
      expect.stringMatching(/^\/.*kernel\/dist\/main\.js$/),
      "--connection-file",
      "{connection_file}",
    ],
    display_name: "TypeScript (Mobula)",
    language: "typescript",
    interrupt_mode: "message",
    kernel_protocol_version: "5.5",
    metadata: { debugger: true },
  });
  expect((await readdir(spec)).sort()).toEqual(["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]);
});

test("the same kernel is there for JavaScript", async () => {
  const directory = await folder();
  const spec = await installKernelspec({ target: { type: "data-dir", directory }, language: "javascript" });
  expect(spec).toBe(join(directory, "kernels", "mobula-javascript"));
  const { argv, language, display_name: name } = JSON.parse(await readFile(join(spec, "kernel.json"), "utf8"));
  expect({ end: argv.slice(-3), language, name }).toEqual({
    end: ["{connection_file}", "--language", "javascript"],
    language: "javascript",
    name: "JavaScript (Mobula)",
  });
});

test("installing again replaces the kernelspec and leaves nothing else", async () => {
  const directory = await folder();
  const target = { type: "prefix", directory } as const;
  await installKernelspec({ target, displayName: "Old" });
  const spec = await installKernelspec({ target, displayName: "New" });
  expect(JSON.parse(await readFile(join(spec, "kernel.json"), "utf8")).display_name).toBe("New");
  expect(await readdir(join(directory, "share", "jupyter", "kernels"))).toEqual(["mobula"]);
});

test("everybody may read the kernelspec, as the umask allows", async () => {
  const directory = await folder();
  const spec = await installKernelspec({ target: { type: "data-dir", directory } });
  expect((await stat(spec)).mode & 0o777).toBe(0o777 & ~process.umask());
});

test("the user's directory follows Jupyter's variables", () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("JUPYTER_DATA_DIR", "/data");
  expect(dataDirectory({ type: "user" })).toBe("/data");
});

test("a name that is no directory name, and a place that cannot be written, are refused in one sentence", async () => {
  await expect(installKernelspec({ name: "../up" })).rejects.toMatchObject({ code: "INSTALL_FAILED" });
  await expect(installKernelspec({ target: { type: "data-dir", directory: "/dev/null" } })).rejects.toThrow(
    "Cannot install the kernel to /dev/null",
  );
});
