/** Keeps a warning of Node about what the session does from appearing in the user's notebook. */

/** Run `action`; warnings that Node emits meanwhile are dropped. With a promise, until it settles. */
export function withoutWarnings<Result>(action: () => Result): Result {
  const original = Object.getOwnPropertyDescriptor(process, "emitWarning") ?? {};
  const restore = (): void => {
    Object.defineProperty(process, "emitWarning", original);
  };
  process.emitWarning = () => {};
  let result: Result;
  try {
    result = action();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as Result;
  restore();
  return result;
}
