import type { JsonObject } from "../protocol/messages.ts";

export type TransmitComm = (type: "comm_msg" | "comm_close", data: JsonObject, buffers: readonly Uint8Array[]) => void;

/** A comm this client opened. */
export class Comm {
  readonly id: string;
  /** Called for each message of the kernel. */
  onMessage: (data: JsonObject, buffers: readonly Uint8Array[]) => void = () => {};
  /** Called when the kernel closes the comm, at once if it does not know the target. */
  onClose: (data: JsonObject) => void = () => {};
  private readonly transmit: TransmitComm;

  constructor(id: string, transmit: TransmitComm) {
    this.id = id;
    this.transmit = transmit;
  }

  /** @param buffers - binary data beside `data`. */
  send(data: JsonObject, buffers: readonly Uint8Array[] = []): void {
    this.transmit("comm_msg", data, buffers);
  }

  close(data: JsonObject = {}): void {
    this.transmit("comm_close", data, []);
  }
}
