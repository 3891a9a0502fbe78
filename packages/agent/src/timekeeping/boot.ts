/** The current boot of the device: its id and its age. */
import { randomUUID } from "node:crypto";
import { uptime } from "node:os";
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import { bootId } from "@chouette-iot/record/host";
import type { Clock } from "../runtime/clock.js";

export interface Boot {
  /** Constant until the device restarts, or, on a system without boot ids, until this process ends. */
  readonly id: string;
  /** Time since the boot, including sleep, independent of the clock. */
  uptime(): Seconds;
}

const id = bootId() ?? randomUUID();

export function currentBoot(): Boot {
  return { id, uptime: () => seconds(uptime()) };
}

/** Unix time of the boot, by the clock. */
export function bootTimeOf(boot: Boot, clock: Clock): Seconds {
  return seconds(toSeconds(clock.now()) - boot.uptime());
}
