import type { JsonObject } from "../protocol/messages.ts";

/** A comm this client opened. */
export class Comm {
  readonly id: string;
  /** Called for each message of the kernel. */
  onMessage: (data: JsonObject) => void = () => {};
  /** Called when the kernel closes the comm, at once if it does not know the target. */
  onClose: (data: JsonObject) => void = () => {};
  private readonly transmit: (type: "comm_msg" | "comm_close", data: JsonObject) => void;

  constructor(id: string, transmit: (type: "comm_msg" | "comm_close", data: JsonObject) => void) {
    this.id = id;
    this.transmit = transmit;
  }

  send(data: JsonObject): void {
    this.transmit("comm_msg", data);
  }

  close(data: JsonObject = {}): void {
    this.transmit("comm_close", data);
  }
}
