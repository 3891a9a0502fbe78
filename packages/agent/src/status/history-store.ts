/**
 * Keeps the day's figures in the store, so that they survive restarts: a text per hour, with a sample per five minutes.
 *
 * Size: 52 bytes per sample, at most 834 bytes per hour as base64, 21 kB in total. Writes: one text every five minutes, about
 * 140 kB a day. A failed write is repeated with the next one and not reported: the other loops report the store's outage.
 */
import { NAMESPACE, type Store } from "@chouette-iot/queue";
import { type Seconds, seconds, toMilliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { COARSE_STEP, FIGURES, type History, type TimedSample, toSample } from "./history.js";

/** Prefix of `chouette:history:2026-11-26T10`, for the hour from 10:00 UTC. */
export const HISTORY_STATE = `${NAMESPACE}:history:`;
/** Version of the format. A text of another version is ignored. */
const VERSION = "1:";
const HOUR = 3_600;
const DAY = 86_400;
/** Numbers per sample: the index of its step in the hour, and its figures. */
const NUMBERS = 1 + FIGURES.length;
const WRITE_INTERVAL = toMilliseconds(COARSE_STEP);

/** Restores the history, then stores it regularly until the signal is aborted, and a last time then. Never rejects. */
export async function runHistoryStore(
  { store, history, clock }: { readonly store: Store; readonly history: History; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  let stored: ReadonlyMap<string, string> | undefined;
  const save = async () => {
    stored ??= await restore(store, history);
    stored = await write(store, history, toSeconds(clock.now()), stored);
  };
  while (!signal.aborted) {
    await save().catch(() => {});
    await clock.sleep(WRITE_INTERVAL, signal);
  }
  await save().catch(() => {});
}

/** @returns the stored texts by key */
async function restore(store: Store, history: History): Promise<ReadonlyMap<string, string>> {
  const stored = await store.stateWithPrefix(HISTORY_STATE);
  history.restore([...stored].flatMap(([key, text]) => decodeHour(key, text)));
  return stored;
}

/** Writes changed hours, and deletes those that are over a day old. */
async function write(
  store: Store,
  history: History,
  now: Seconds,
  stored: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const current = encodeHours(history.day(now));
  const changed = [...current].filter(([key, text]) => stored.get(key) !== text);
  const kept = keyOf(now - DAY);
  // Keys sort by time. Keys of the future are left from a clock that was set back.
  const outdated = [...stored.keys()].filter((key) => key < kept || key > keyOf(now));
  if (changed.length + outdated.length === 0) return stored;
  await store.settle({ state: new Map([...changed, ...outdated.map((key) => [key, undefined] as const)]) });
  const rest = [...stored].filter(([key]) => !outdated.includes(key));
  return new Map([...rest, ...changed]);
}

function keyOf(at: number): string {
  return HISTORY_STATE + new Date(at * 1000).toISOString().slice(0, 13);
}

export function encodeHours(samples: readonly TimedSample[]): ReadonlyMap<string, string> {
  const hours = new Map<string, number[]>();
  for (const { at, sample } of samples) {
    const numbers = hours.get(keyOf(at)) ?? [];
    numbers.push((at % HOUR) / COARSE_STEP, ...FIGURES.map((figure) => sample[figure]));
    hours.set(keyOf(at), numbers);
  }
  const texts = [...hours].map(([key, numbers]) => [key, VERSION + toBase64(numbers)] as const);
  return new Map(texts);
}

/** Empty if the text has another version or is damaged. */
export function decodeHour(key: string, text: string): readonly TimedSample[] {
  const hour = Date.parse(`${key.slice(HISTORY_STATE.length)}:00:00Z`) / 1000;
  if (Number.isNaN(hour) || !text.startsWith(VERSION)) return [];
  const numbers = fromBase64(text.slice(VERSION.length));
  return Array.from({ length: Math.floor(numbers.length / NUMBERS) }, (_, index) => {
    const [step = 0, ...figures] = numbers.slice(index * NUMBERS, (index + 1) * NUMBERS);
    return { at: seconds(hour + step * COARSE_STEP), sample: toSample((figure) => figures[figure]) };
  }).filter(({ at }) => at >= hour && at < hour + HOUR);
}

/** Little-endian on every machine. */
function toBase64(numbers: readonly number[]): string {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((value, index) => {
    bytes.writeFloatLE(value, 4 * index);
  });
  return bytes.toString("base64");
}

function fromBase64(text: string): readonly number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(4 * index));
}
