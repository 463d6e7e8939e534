/** Why a notebook job cannot start, or cannot be saved. */
export type JobErrorCode = "NOTEBOOK_UNREADABLE" | "OUTPUT_UNWRITABLE" | "PARAMETERS_INVALID";

/** A notebook job cannot do its work for a reason outside the notebook's code. `message` is one sentence with the fix. */
export class JobError extends Error {
  override readonly name = "JobError";
  readonly code: JobErrorCode;

  constructor(code: JobErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a failed system call (`ENOENT`), if `error` comes from one. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
