/** This machine's boot and its processes, as its kernel tells them. */
import { readFileSync } from "node:fs";

/** Differs with every start of the machine; undefined if the system has none, as without Linux's /proc. */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Asked of the kernel: in /proc, the processes of other users may be hidden (`hidepid`, `ProtectProc`). */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
