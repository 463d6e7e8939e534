// How each kernel is started, and the same cells in its language.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { VENV_PYTHON } from "../../../scripts/lib/python.mjs";
import { PEERS, ROOT } from "../../../scripts/lib/steps.mjs";

const CONNECTION = "{connection_file}";

const typescript = {
  first: "const first: number = 41;\nfirst + 1",
  typed: (n) =>
    `interface Point${n} { x: number; y: number }\nconst p${n}: Point${n} = { x: ${n}, y: 2 };\nfunction sum${n}(p: Point${n}): number { return p.x + p.y; }\nsum${n}(p${n}) - ${n}`,
  define: "const words: string[] = ['a', 'b', 'c'];\nconst joined = words.join('-');\njoined.length",
  complete: "words.ma",
  completed: "map",
  inspect: "joined",
  known: "string",
  spin: (ms) => `{ const end = Date.now() + ${ms}; while (Date.now() < end); }`,
  forever: "for (;;);",
  after: "1 + 1",
  print: "for (let line = 0; line < 100_000; line++) console.log('x'.repeat(99));",
};

const python = {
  first: "first: int = 41\nfirst + 1",
  typed: (n) =>
    `from dataclasses import dataclass\n@dataclass\nclass Point${n}:\n    x: int\n    y: int\np${n}: Point${n} = Point${n}(${n}, 2)\ndef sum${n}(p: Point${n}) -> int:\n    return p.x + p.y\nsum${n}(p${n}) - ${n}`,
  define: "words: list[str] = ['a', 'b', 'c']\njoined = '-'.join(words)\nlen(joined)",
  complete: "words.app",
  completed: "append",
  inspect: "joined",
  known: "str",
  spin: (ms) => `import time\nend = time.time() + ${ms} / 1000\nwhile time.time() < end: pass`,
  forever: "while True: pass",
  after: "1 + 1",
  print: "for line in range(100_000): print('x' * 99)",
};

function deno() {
  const folder = join(PEERS, "deno/node_modules/@deno");
  const [platform] = readdirSync(folder).filter((name) => !name.startsWith("."));
  return join(folder, platform ?? "", "deno");
}

/** @returns {{ command: string[], unchecked: string[], cells: typeof typescript, interrupts: "message" | "signal" }} */
export function kernelOf(side) {
  const node = process.execPath;
  switch (side) {
    case "mobula": {
      const command = [node, join(ROOT, "kernel/dist/main.js"), "--connection-file", CONNECTION];
      return { command, unchecked: [...command, "--check", "off"], cells: typescript, interrupts: "message" };
    }
    case "tslab": {
      const tslab = [node, join(PEERS, "tslab/node_modules/tslab/bin/tslab"), "kernel", `--config-path=${CONNECTION}`];
      return { command: tslab, unchecked: [...tslab, "--js"], cells: typescript, interrupts: "signal" };
    }
    case "deno": {
      const command = [deno(), "jupyter", "--kernel", "--conn", CONNECTION];
      return { command, unchecked: command, cells: typescript, interrupts: "message" };
    }
    case "ipykernel": {
      const command = [VENV_PYTHON, "-m", "ipykernel_launcher", "-f", CONNECTION];
      return { command, unchecked: command, cells: python, interrupts: "signal" };
    }
    default:
      throw new Error(`There is no kernel '${side}'.`);
  }
}
