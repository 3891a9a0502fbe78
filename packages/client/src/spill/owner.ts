/**
 * The owner of a spill file: a process, by its id and, on Linux, its start time, since ids are reused (in a container, the
 * same one after every start).
 */
import { readFileSync } from "node:fs";
import { processExists } from "@chouette-iot/record/host";

/** The owner of a file that was released. */
export const NOBODY = "free";

export function thisProcess(): string {
  return `${process.pid}-${beginOf(process.pid) ?? "0"}`;
}

/** Whether the owner is still running. Without start times, any process with that id counts as the owner. */
export function isAlive(owner: string): boolean {
  if (owner === NOBODY) return false;
  const [pid, begin] = owner.split("-");
  const id = Number(pid);
  if (!Number.isInteger(id) || id <= 0) return false;
  const current = beginOf(id);
  if (current !== undefined) return current === begin;
  return processExists(id);
}

/** Start time on Linux: field 22 of /proc/PID/stat, counted after the command's name, which may contain spaces. */
function beginOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
