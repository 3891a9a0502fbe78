/** Waits until the machine has CPU time to spare, by the system's figures. */
import { type CpuInfo, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Share of the CPU time. Less is idle while programs start, or while one calls the agent as fast as it can. */
const MIN_IDLE_SHARE = 0.3;
/** Length of a measurement in milliseconds: some ticks of the system's clock. */
const WATCH_MS = 100;

/**
 * Resolves with true when the machine was idle for a moment, or with false after `timeoutMs`.
 * Rejects if the signal is aborted.
 * @param readCpus reads the times of all processors
 */
export async function untilIdle(
  timeoutMs: number,
  signal: AbortSignal,
  readCpus: () => readonly CpuInfo[] = cpus,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  do {
    const before = readCpus();
    await sleep(WATCH_MS, undefined, { signal });
    if (idleShare(before, readCpus()) >= MIN_IDLE_SHARE) return true;
  } while (performance.now() < deadline);
  return false;
}

/** Share of idle CPU time between two readings, from 0 to 1. */
export function idleShare(before: readonly CpuInfo[], after: readonly CpuInfo[]): number {
  const then = totals(before);
  const now = totals(after);
  const passed = now.all - then.all;
  // A system without figures counts as idle.
  return passed > 0 ? (now.idle - then.idle) / passed : 1;
}

function totals(processors: readonly CpuInfo[]): { readonly idle: number; readonly all: number } {
  let [idle, all] = [0, 0];
  for (const { times } of processors) {
    idle += times.idle;
    all += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return { idle, all };
}
