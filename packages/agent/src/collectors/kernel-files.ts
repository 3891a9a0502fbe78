/** Reads the kernel's small files. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/**
 * A file of /proc as text. Synchronous, since the kernel answers from memory: using the thread pool would cost several
 * times the CPU of the read. @throws if it can't be read
 */
export function readKernelFile(path: string): string {
  return readFileSync(path, "utf8");
}

/** A file of /sys, read asynchronously, since its driver may wait for the chip. Undefined if it can't be read. */
export function readOrUndefined(path: string, signal: AbortSignal): Promise<string | undefined> {
  return readFile(path, { encoding: "utf8", signal }).catch(() => undefined);
}
