/** CPU and memory of this machine and of processes, from /proc where it exists. */
import { readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { processStat } from "../store/process-stat.ts";

/** Linux reports process times in units of 1/100 s on every architecture Node runs on. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

export interface ProcessUsage {
  readonly cpuPercent: number;
  readonly rssBytes: number;
}

/** Remembers the last reading, because load is a difference. */
export class MachineStats {
  #machine = machineTimes();
  readonly #processes = new Map<number, { cpuMs: number; atMs: number }>();

  /** Load of all CPUs since the last call, 0–100. */
  cpuPercent(): number {
    const now = machineTimes();
    const total = now.totalMs - this.#machine.totalMs;
    const idle = now.idleMs - this.#machine.idleMs;
    this.#machine = now;
    return total <= 0 ? 0 : Math.max(0, Math.min(100, (100 * (total - idle)) / total));
  }

  /** 100 is one CPU in full use since the last call for this process. */
  ofProcess(pid: number): ProcessUsage {
    const reading = readProcess(pid);
    if (reading === undefined) {
      this.#processes.delete(pid);
      return { cpuPercent: 0, rssBytes: 0 };
    }
    const atMs = performance.now();
    const last = this.#processes.get(pid);
    this.#processes.set(pid, { cpuMs: reading.cpuMs, atMs });
    const elapsed = last === undefined ? 0 : atMs - last.atMs;
    const cpuPercent = last === undefined || elapsed <= 0 ? 0 : (100 * (reading.cpuMs - last.cpuMs)) / elapsed;
    return { cpuPercent: Math.max(0, cpuPercent), rssBytes: reading.rssBytes };
  }

  forget(pid: number): void {
    this.#processes.delete(pid);
  }
}

function machineTimes(): { totalMs: number; idleMs: number } {
  let totalMs = 0;
  let idleMs = 0;
  for (const { times } of cpus()) {
    totalMs += times.user + times.nice + times.sys + times.idle + times.irq;
    idleMs += times.idle;
  }
  return { totalMs, idleMs };
}

function readProcess(pid: number): { cpuMs: number; rssBytes: number } | undefined {
  const fields = processStat(pid);
  if (fields === undefined) return undefined;
  const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  return { cpuMs, rssBytes: Number(fields[21]) * PAGE_BYTES };
}

/** Memory in use is what no program could get: total less available. */
export function machineMemory(): { usedBytes: number; totalBytes: number } {
  const totalBytes = totalmem();
  try {
    const available = /MemAvailable:\s+(\d+) kB/.exec(readFileSync("/proc/meminfo", "latin1"));
    if (available !== null) return { usedBytes: totalBytes - Number(available[1]) * 1024, totalBytes };
  } catch {
    // No /proc on this system.
  }
  return { usedBytes: totalBytes - freemem(), totalBytes };
}
