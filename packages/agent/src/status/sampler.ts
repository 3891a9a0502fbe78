/** Takes a sample of the status every ten seconds, for the rates, the history and the outage log of the dashboard. */
import { type Milliseconds, type Seconds, seconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import { FINE_STEP, type History, sampleOf } from "./history.js";
import type { OutageLog } from "./outage-log.js";
import { inTime, type StatusSource } from "./status.js";
import type { StoreSnapshot } from "./store-snapshot.js";

export interface SampledSource extends StatusSource {
  readonly history: History;
  readonly outageLog: OutageLog;
}

const INTERVAL = toMilliseconds(FINE_STEP);

/** Resolves when the signal is aborted. After an outage of the store, the rates cover a longer time. */
export async function runSampler(source: SampledSource, signal: AbortSignal): Promise<void> {
  const { clock, rates, history, outageLog } = source;
  let before: { readonly at: Milliseconds; readonly snapshot: StoreSnapshot } | undefined;
  while (!signal.aborted) {
    outageLog.observe(wholeSecond(source), source.outages());
    const snapshot = await inTime(source.snapshot());
    const at = clock.monotonic();
    if (snapshot !== undefined) rates.add(at, snapshot.queues);
    const elapsed = seconds(before === undefined ? 0 : (at - before.at) / 1000);
    history.add({
      at: wholeSecond(source),
      sample: sampleOf(snapshot ?? {}, before?.snapshot, elapsed),
    });
    if (snapshot !== undefined) before = { at, snapshot };
    await clock.sleep(INTERVAL, signal);
  }
}

function wholeSecond({ clock }: StatusSource): Seconds {
  return seconds(Math.floor(toSeconds(clock.now())));
}
