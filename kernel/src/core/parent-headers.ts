import type { Header, ParentHeader } from "../protocol/messages.ts";

interface Parent {
  readonly header: ParentHeader;
  /** The request asked for no output. */
  readonly isSilent: boolean;
}

/** Output that comes later than this many cells after its own goes to the newest cell. */
const MAX_REMEMBERED = 10_000;

/** The headers of execute requests, so that output finds its cell, also when a timer prints after the cell's end. */
export class ParentHeaders {
  private readonly byMessageId = new Map<string, Parent>();
  private latest: Parent = { header: {}, isSilent: false };
  /** Of cells that run now, oldest first. */
  private running: readonly Parent[] = [];

  begin(header: Header, isSilent: boolean): void {
    this.latest = { header, isSilent };
    this.running = [...this.running, this.latest];
    this.byMessageId.set(header.msg_id, this.latest);
    if (this.byMessageId.size > MAX_REMEMBERED) {
      const [oldest] = this.byMessageId.keys();
      if (oldest !== undefined) this.byMessageId.delete(oldest);
    }
  }

  end(header: Header): void {
    this.running = this.running.filter((parent) => parent.header !== header);
  }

  /** @param messageId - `msg_id` of the request; without one, the newest cell, if possible one that runs. */
  of(messageId: string | undefined): Parent {
    return (
      (messageId === undefined ? undefined : this.byMessageId.get(messageId)) ?? this.running.at(-1) ?? this.latest
    );
  }
}
