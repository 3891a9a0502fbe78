/**
 * Preloaded into a process, gives it the device's clock: the machine's, shifted by what the chaos test has set. The
 * file in SKEW_FILE has the shift in milliseconds; the time since boot is unchanged.
 */
import { readFileSync } from "node:fs";

const REFRESH_MS = 20;
const machineNow = Date.now;
const file = process.env.SKEW_FILE ?? "";
let skew = 0;

function refresh() {
  skew = Number(readFileSync(file, "utf8"));
}

refresh();
setInterval(refresh, REFRESH_MS).unref();
Date.now = () => machineNow() + skew;
