/** Reading the kernel's small files. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/**
 * A file of /proc as text. At once, since the kernel answers from memory: a detour over the thread pool
 * costs several times the CPU of the read itself.
 */
export function readNow(path: string): string {
  return readFileSync(path, "utf8");
}

/** A file of /sys behind which a driver may wait for its chip: read beside the event loop. Undefined if it can't be read. */
export function readBeside(path: string, signal: AbortSignal): Promise<string | undefined> {
  return readFile(path, { encoding: "utf8", signal }).catch(() => undefined);
}
