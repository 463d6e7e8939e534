/** The kernel's process ended, or did not answer in time at its start. `cause` of every request that was open. */
export class KernelDiedError extends Error {
  override readonly name = "KernelDiedError";
  readonly code = "KERNEL_DIED";
}

/** The kernel answered a request with `status: "error"`. Errors of cells are results, not this. */
export class RequestFailedError extends Error {
  override readonly name = "RequestFailedError";
  readonly code = "REQUEST_FAILED";
}
