/** The machine's boot id, and which processes exist. */
import { readFileSync } from "node:fs";

/** Changes with every boot; undefined on systems without Linux's /proc. */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Asks the kernel, as /proc may hide other users' processes (`hidepid`, `ProtectProc`). */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
