/** This boot of the device: which one it is, and how long ago it was. */
import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { type Seconds, seconds } from "@chouette-iot/record";

export interface Boot {
  /** The same for as long as the device runs; undefined where the system doesn't say. */
  readonly id: string | undefined;
  /** Since the boot, sleep included, whatever the clock says. */
  uptime(): Seconds;
}

export function currentBoot(): Boot {
  return { id: readBootId(), uptime: () => seconds(uptime()) };
}

function readBootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}
