/** A Jupyter kernel for TypeScript that checks types: the parts, for programs that embed or install it. */
export { Kernel, type KernelOptions } from "./core/kernel.ts";
export { dataDirectory, InstallError, type InstallOptions, type InstallTarget, installKernelspec } from "./install.ts";
export type { CheckLevel, Language } from "./language/language.ts";
export { type Connection, readConnectionFile } from "./protocol/connection-file.ts";
export type { NotebookHost } from "./session/notebook-host.ts";
export type { Execution, MimeBundle, Session, SessionEvent } from "./session/session.ts";
export { openCommEndpoint } from "./transport/comm-endpoint.ts";
export { MemoryTransport } from "./transport/memory.ts";
export type { Transport } from "./transport/transport.ts";
export { bindZmqTransport } from "./transport/zmq.ts";
