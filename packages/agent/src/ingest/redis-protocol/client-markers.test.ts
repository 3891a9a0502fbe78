import { type EmbeddedStore, openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { type Milliseconds, milliseconds, seconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../../tests/support/folders.js";
import type { Clock } from "../../runtime/clock.js";
import { ClientMarkers, MAX_MARKER_LENGTH } from "./client-markers.js";

const KEY = "chouette:client:a";

class TestClock implements Clock {
  time: Milliseconds = milliseconds(1_763_800_000_000);
  now = () => this.time;
  monotonic = () => this.time;
  sleep = async () => {};

  advance(seconds: number): void {
    this.time = milliseconds(this.time + seconds * 1000);
  }
}

let clock: TestClock;
let store: EmbeddedStore;
let folder: Awaited<ReturnType<typeof newFolder>>;

beforeEach(async () => {
  clock = new TestClock();
  folder = await newFolder();
  ({ store } = await openEmbeddedStore({ folder: folder.path }));
});

afterEach(async () => {
  await store.close();
  await folder.remove();
});

const marker = (text: string, lifetime: number) => ({ text, lifetime: seconds(lifetime) });

/** Stores these markers; the keys of those that were deleted for them. */
async function keep(markers: ClientMarkers, ...keys: readonly string[]): Promise<readonly string[]> {
  const state = markers.stateFor(new Map(keys.map((key) => [key, marker("x", 60)])));
  await store.write([], state);
  return [...state].filter(([, text]) => text === undefined).map(([key]) => key);
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${KEY}${index}`);

it("keeps a marker across restarts until it expires", async () => {
  const before = await ClientMarkers.load(store, clock);
  await store.write([], before.stateFor(new Map([[KEY, marker("batch 7\n", 60)]])));

  const after = await ClientMarkers.load(store, clock);
  const [kept] = await store.state([KEY]);
  expect(after.takeExpired().size).toBe(0);
  expect(after.textOf(kept)).toBe("batch 7\n");
  expect(after.lifetimeOf(kept)).toBe(60_000);
  expect(after.keys()).toEqual([KEY]);
  clock.advance(59.999);
  expect([after.textOf(kept), after.lifetimeOf(kept)]).toEqual(["batch 7\n", 1]);
  clock.advance(0.001);
  expect(after.textOf(kept)).toBeUndefined();
  expect(after.lifetimeOf(kept)).toBeUndefined();
  expect(after.keys()).toEqual([]);
  expect(after.takeExpired()).toEqual(new Map([[KEY, undefined]]));
  expect(after.takeExpired().size).toBe(0);
});

it("goes by the latest expiry", async () => {
  const markers = await ClientMarkers.load(store, clock);
  markers.stateFor(new Map([[KEY, marker("x", 10)]]));
  markers.stateFor(new Map([[KEY, marker("y", 60)]]));
  clock.advance(59);
  expect(markers.takeExpired().size).toBe(0);
  clock.advance(1);
  expect(markers.takeExpired().size).toBe(1);
});

it("keeps 10,000 in the store, and deletes the one written longest ago in the step that stores another", async () => {
  const markers = await ClientMarkers.load(store, clock);
  expect(await keep(markers, ...numbered(10_000))).toEqual([]);
  expect(await keep(markers, `${KEY}0`)).toEqual([]);
  expect(await keep(markers, `${KEY}new`)).toEqual([`${KEY}1`]);
  const kept = await store.stateWithPrefix(KEY);
  expect(kept.size).toBe(10_000);
  expect(kept.has(`${KEY}1`)).toBe(false);
});

it("deletes the one written longest ago after a restart, too", async () => {
  const before = await ClientMarkers.load(store, clock);
  await keep(before, ...numbered(10_000));
  clock.advance(1);
  await keep(before, `${KEY}0`);
  const after = await ClientMarkers.load(store, clock);
  const [deleted] = await keep(after, `${KEY}new`);
  expect(deleted).toMatch(/^chouette:client:a\d+$/);
  expect(deleted).not.toBe(`${KEY}0`);
});

it("keeps markers of 32 MiB in all, and deletes those written longest ago for another", async () => {
  const markers = await ClientMarkers.load(store, clock);
  const text = "x".repeat(MAX_MARKER_LENGTH);
  const fit = (32 * 1024 * 1024) / MAX_MARKER_LENGTH;
  for (const key of numbered(fit + 3)) {
    const state = markers.stateFor(new Map([[key, { text, lifetime: seconds(60) }]]));
    await store.write([], state);
  }
  const kept = await store.stateWithPrefix(KEY);
  expect(kept.size).toBe(fit);
  expect(kept.has(`${KEY}2`)).toBe(false);
  expect(kept.has(`${KEY}3`)).toBe(true);
  expect(await keep(markers, `${KEY}small`)).toEqual([`${KEY}3`]);
});

it("deletes later what it could not delete, unless it was stored again", async () => {
  const markers = await ClientMarkers.load(store, clock);
  await keep(markers, ...numbered(10_000));
  const failed = markers.stateFor(new Map([`${KEY}a`, `${KEY}b`].map((key) => [key, marker("x", 60)])));
  markers.notStored(failed);
  expect(await keep(markers, `${KEY}0`)).toEqual([`${KEY}1`, `${KEY}2`]);
});
