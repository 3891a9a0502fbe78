/**
 * Preloaded into a process, it has the clock of the device: the machine's, and what a run under fire has set it to
 * besides. The file that SKEW_FILE names holds by how many milliseconds; the time since boot isn't touched.
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
