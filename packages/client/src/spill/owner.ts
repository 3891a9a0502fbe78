/**
 * Who a spill file belongs to: a process, by its id and, where the system tells, the moment it began, since ids
 * are given again (in a container the same one with every start).
 */
import { readFileSync } from "node:fs";
import { processExists } from "@chouette-iot/record/host";

/** A file that was given up in order. */
export const NOBODY = "free";

export function thisProcess(): string {
  return `${process.pid}-${beginOf(process.pid) ?? "0"}`;
}

/** Whether the process that such a text names still runs. Where the system can't tell ids apart, an id in use counts as alive. */
export function isAlive(owner: string): boolean {
  if (owner === NOBODY) return false;
  const [pid, begin] = owner.split("-");
  const id = Number(pid);
  if (!Number.isInteger(id) || id <= 0) return false;
  const current = beginOf(id);
  if (current !== undefined) return current === begin;
  return processExists(id);
}

/** Linux: the 22nd field of /proc/PID/stat, counted after the command's name, which may hold spaces. */
function beginOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
