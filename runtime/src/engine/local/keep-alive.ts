/** Keeps the process running while something is awaited; sockets and threads of the engine alone do not. */
export class KeepAlive {
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  add(): void {
    if (this.#count++ === 0) this.#timer ??= setInterval(() => {}, 2 ** 30);
    this.#timer?.ref();
  }

  remove(count = 1): void {
    this.#count -= count;
    if (this.#count === 0) this.#timer?.unref();
  }

  /** Until the promise is settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    this.add();
    try {
      return await promise;
    } finally {
      this.remove();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
