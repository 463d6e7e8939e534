/** A session leads its own process group; what user code starts belongs to it and goes with it. */
import { readdirSync, readFileSync } from "node:fs";

interface ProcessEntry {
  readonly pid: number;
  readonly state: string;
  readonly groupId: number;
}

/** Send `signal` to every member. Returns false when the group has none. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  if (groupId <= 1) return false; // A process that never started; 0 and 1 would mean someone else's.
  try {
    process.kill(-groupId, signal);
    return true;
  } catch {
    return false;
  }
}

/** Members of the group that `pid` leads, without itself, where the system lists processes under `/proc`. */
export function otherMembers(pid: number): number[] {
  return listProcesses()
    .filter((entry) => entry.groupId === pid && entry.pid !== pid && entry.state !== "Z")
    .map((entry) => entry.pid);
}

/** Wait until the group has no living member. Returns false when `timeoutMs` passes first. */
export async function waitForGroupEnd(groupId: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (hasLivingMember(groupId)) {
    if (Date.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** End the group: SIGTERM, a moment, SIGKILL. Resolves when it is gone. */
export async function endGroup(groupId: number, graceMs: number): Promise<void> {
  signalGroup(groupId, "SIGTERM");
  if (await waitForGroupEnd(groupId, graceMs)) return;
  signalGroup(groupId, "SIGKILL");
  await waitForGroupEnd(groupId, 2000);
}

function hasLivingMember(groupId: number): boolean {
  if (!signalGroup(groupId, 0)) return false;
  // A killed orphan stays in the group as a zombie where no init process collects it.
  const members = listProcesses().filter((entry) => entry.groupId === groupId);
  return members.length === 0 || members.some((entry) => entry.state !== "Z");
}

/** The processes of this machine; empty on systems without `/proc`. */
function listProcesses(): ProcessEntry[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => readProcess(Number(name)) ?? []);
}

function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // `pid (command) state ppid pgrp …`; the command may hold spaces and parentheses.
    const [state = "", , groupId] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, state, groupId: Number(groupId) };
  } catch {
    return undefined; // It ended between the listing and the reading.
  }
}
