/** Tells whoever may open this process's socket in what code its main thread is; see `runtime/python/mobula_ray/stacks.py`. */
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";

/** JavaScript that runs is caught within milliseconds, on a machine that has time for it. */
const WITHIN_MS = 1_000;

/** On a thread that is not the main one, which may be in a loop. @param path - in a folder of this user */
export function serveStack(path: string): void {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => {}); // who asked did not wait
    // Others only look whether somebody is there.
    socket.once("data", () => void answer(socket));
  });
  // No room for its file: nobody can ask, and all else goes on.
  server.on("error", () => {});
  server.listen(path);
  server.unref();
}

async function answer(socket: Socket): Promise<void> {
  // Nobody asks most processes: they start earlier without it.
  const { dumpMainThread } = await import("../engine/local/stack-dump.ts");
  socket.end(JSON.stringify(await dumpMainThread(WITHIN_MS)));
}
