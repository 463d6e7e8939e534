/** The answer to `usage_request`, in the form that JupyterLab's resource displays read (ipykernel's extension). */
import { availableParallelism, freemem, hostname, totalmem } from "node:os";
import type { JsonObject } from "../protocol/messages.ts";

export interface ProcessUsage {
  readonly cpuPercent: number;
  readonly rssBytes: number;
  readonly pid: number;
}

/** Measures this process from one call to the next. */
export class UsageMeter {
  private lastCpu = process.cpuUsage();
  private lastMs = performance.now();

  /** @param session - the process that runs the cells, when there is one. */
  reply(session: ProcessUsage | undefined): JsonObject {
    const own = this.measure();
    const total = totalmem();
    const free = freemem();
    return {
      status: "ok",
      hostname: hostname(),
      pid: session?.pid ?? process.pid,
      kernel_cpu: own.cpuPercent + (session?.cpuPercent ?? 0),
      kernel_memory: own.rssBytes + (session?.rssBytes ?? 0),
      cpu_count: availableParallelism(),
      host_virtual_memory: {
        total,
        available: free,
        used: total - free,
        free,
        percent: (100 * (total - free)) / total,
      },
    };
  }

  private measure(): ProcessUsage {
    const nowMs = performance.now();
    const spent = process.cpuUsage(this.lastCpu);
    const passedMs = Math.max(1, nowMs - this.lastMs);
    this.lastCpu = process.cpuUsage();
    this.lastMs = nowMs;
    return {
      cpuPercent: (spent.user + spent.system) / 10 / passedMs,
      rssBytes: process.memoryUsage.rss(),
      pid: process.pid,
    };
  }
}
