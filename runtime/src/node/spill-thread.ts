/** Copies between arena and files, on a thread of its own: the head never waits for a disk. */
import { join } from "node:path";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { deleteSpillFile, describeDisk, readSpillFile, writeSpillFile } from "../store/spill-files.ts";
import type { FromSpillThread, SpillOrder, SpillThreadData } from "./spiller.ts";

const { arena, directory } = workerData as SpillThreadData;
const head = parentPort as MessagePort;

function perform(order: SpillOrder): FromSpillThread | undefined {
  const path = join(directory, order.file);
  switch (order.type) {
    case "spill":
      try {
        const checksum = writeSpillFile(path, { arena, ...order });
        return { type: "spilled", file: order.file, outcome: { isOk: true, checksum } };
      } catch (error) {
        return { type: "spilled", file: order.file, outcome: { isOk: false, problem: describeDisk(error, directory) } };
      }
    case "read":
      try {
        const to = order.offset === undefined ? undefined : { arena, offset: order.offset, sizeBytes: order.sizeBytes };
        const damage = readSpillFile(path, order, to);
        return { type: "read", file: order.file, outcome: damage === undefined ? "ok" : { damage } };
      } catch {
        return { type: "read", file: order.file, outcome: "no-memory" };
      }
    case "delete":
      deleteSpillFile(path);
      return undefined;
  }
}

head.on("message", (order: SpillOrder) => {
  const answer = perform(order);
  if (answer !== undefined) head.postMessage(answer);
});
