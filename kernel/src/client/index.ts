/** A small Jupyter client: start a kernel, run cells in it, talk to it, end it. Works with any Jupyter kernel. */

export { type Connection, readConnectionFile } from "../protocol/connection-file.ts";
export type {
  CompleteReplyContent,
  ErrorContent,
  HistoryTuple,
  InspectReplyContent,
  IsCompleteReplyContent,
  JsonObject,
  KernelInfoReplyContent,
  Message,
  MimeBundle,
} from "../protocol/messages.ts";
export { Comm } from "./comm.ts";
export { KernelDiedError, RequestFailedError } from "./errors.ts";
export { type ExecuteOptions, type ExecuteResult, KernelClient } from "./kernel-client.ts";
export { type KernelExit, RunningKernel, type StartKernelOptions, startKernel } from "./running-kernel.ts";
