/** What a worker runs for a call to Python; see `api/python.ts`, which names these functions. */
import { currentRuntime } from "../api/lifecycle.ts";
import { toPython } from "./python-codec.ts";
import { PythonProcess } from "./python-process.ts";
import { READY } from "./ready.ts";

/** @param folder - where modules are looked for beside the working directory */
export function pythonFunction(name: string, folder: string, isStream: boolean): (...args: unknown[]) => unknown {
  if (isStream) {
    return (...args) => {
      const { signal, path } = running(name);
      return PythonProcess.for(folder).stream({ type: "call", name }, toPython(args, path), path, signal);
    };
  }
  return async (...args) => {
    const { signal, path } = running(name);
    return await PythonProcess.for(folder).ask({ type: "call", name }, toPython(args, path), path, signal);
  };
}

/**
 * A class whose objects stand for the one in Python: whatever method is called, it is called there.
 *
 * @param streaming - methods that give items
 * @param threads - that calls run in
 */
export function pythonClass(
  name: string,
  folder: string,
  streaming: readonly string[],
  threads: number,
): new (
  ...args: unknown[]
) => object {
  const make = function (...args: unknown[]): object {
    const python = PythonProcess.for(folder);
    python.becomeActor(threads > 1);
    const ready = python.ask({ type: "make", name, threads }, toPython(args, "args"), "args");
    const methods = new Map<string, unknown>();
    return new Proxy(Object.create(null) as object, {
      get: (_target, key) => {
        if (key === READY) return ready;
        if (typeof key !== "string") return undefined;
        if (!methods.has(key)) methods.set(key, methodOf(python, key, streaming.includes(key)));
        return methods.get(key);
      },
    });
  };
  return make as unknown as new (
    ...args: unknown[]
  ) => object;
}

function methodOf(python: PythonProcess, method: string, isStream: boolean): (...args: unknown[]) => unknown {
  return (...args) => {
    const { signal, path } = running(method);
    const request = { type: "method", method } as const;
    if (isStream) return python.stream(request, toPython(args, path), path, signal);
    return python.ask(request, toPython(args, path), path, signal);
  };
}

function running(name: string): { readonly signal: AbortSignal | undefined; readonly path: string } {
  const { current } = currentRuntime();
  return { signal: current?.signal, path: `${current?.name ?? name} arguments` };
}
