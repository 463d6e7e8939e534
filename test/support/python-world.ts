/** Where calls to Python find the tests' modules, and a Python with numpy and pyarrow. */
import { join, resolve } from "node:path";
import { vi } from "vitest";
import { VENV_PYTHON } from "./jupyter-home.ts";

export const PYTHON_MODULES: string = join(resolve(import.meta.dirname, "../.."), "test/runtime/python/modules");

/** For what is started from here on. */
export function stubPython(): void {
  vi.stubEnv("MOBULA_PYTHON", VENV_PYTHON);
  vi.stubEnv("PYTHONPATH", PYTHON_MODULES);
  vi.stubEnv("PYTHONDONTWRITEBYTECODE", "1");
}
