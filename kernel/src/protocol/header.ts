/** Makes the headers of outgoing messages. */
import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { type Header, type JsonObject, type Message, type ParentHeader, PROTOCOL_VERSION } from "./messages.ts";

/** Composes messages of one sender; all carry its session id. */
export class MessageComposer {
  /** Id of this run, in the header of every message. */
  readonly session: string = randomUUID();
  private readonly username = currentUser();

  header(msgType: string): Header {
    return {
      msg_id: randomUUID(),
      session: this.session,
      username: this.username,
      date: new Date().toISOString(),
      msg_type: msgType,
      version: PROTOCOL_VERSION,
    };
  }

  message<Content extends object>(
    msgType: string,
    content: Content,
    options: {
      parent?: ParentHeader;
      metadata?: JsonObject;
      buffers?: readonly Uint8Array[];
      /** The subshell that a request is for. */
      subshellId?: string;
    } = {},
  ): Message<Content> {
    const header = this.header(msgType);
    return {
      header: options.subshellId === undefined ? header : { ...header, subshell_id: options.subshellId },
      parent_header: options.parent ?? {},
      metadata: options.metadata ?? {},
      content,
      buffers: options.buffers ?? [],
    };
  }
}

function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return "username"; // a container may run under a user id that has no name; Jupyter's own default is this word
  }
}
