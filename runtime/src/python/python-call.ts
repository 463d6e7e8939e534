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
      return PythonProcess.for(folder).stream(name, toPython(args, path), path, signal);
    };
  }
  return async (...args) => {
    const { signal, path } = running(name);
    return await PythonProcess.for(folder).ask({ type: "call", name }, toPython(args, path), path, signal);
  };
}

/** A class whose objects stand for the one in Python: whatever method is called, it is called there. */
export function pythonClass(name: string, folder: string): new (...args: unknown[]) => object {
  const make = function (...args: unknown[]): object {
    const python = PythonProcess.for(folder);
    python.becomeActor();
    const ready = python.ask({ type: "make", name }, toPython(args, "args"), "args");
    const methods = new Map<string, unknown>();
    return new Proxy(Object.create(null) as object, {
      get: (_target, key) => {
        if (key === READY) return ready;
        if (typeof key !== "string") return undefined;
        if (!methods.has(key)) methods.set(key, methodOf(python, key));
        return methods.get(key);
      },
    });
  };
  return make as unknown as new (
    ...args: unknown[]
  ) => object;
}

function methodOf(python: PythonProcess, method: string): (...args: unknown[]) => Promise<unknown> {
  return (...args) => {
    const { signal, path } = running(method);
    return python.ask({ type: "method", method }, toPython(args, path), path, signal);
  };
}

function running(name: string): { readonly signal: AbortSignal | undefined; readonly path: string } {
  const { current } = currentRuntime();
  return { signal: current?.signal, path: `${current?.name ?? name} arguments` };
}
