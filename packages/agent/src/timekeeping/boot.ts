/** This boot of the device: which one it is, and how long ago it was. */
import { randomUUID } from "node:crypto";
import { uptime } from "node:os";
import { type Seconds, seconds } from "@chouette-iot/record";
import { bootId } from "@chouette-iot/record/host";

export interface Boot {
  /** The same for as long as the device runs. If the system doesn't identify its boot: for as long as this process does. */
  readonly id: string;
  /** Since the boot, sleep included, whatever the clock says. */
  uptime(): Seconds;
}

const id = bootId() ?? randomUUID();

export function currentBoot(): Boot {
  return { id, uptime: () => seconds(uptime()) };
}
