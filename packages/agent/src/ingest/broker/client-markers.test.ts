import { LmdbStore } from "@chouette-iot/queue/lmdb";
import { type Milliseconds, milliseconds, seconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../../tests/support/folders.js";
import type { Clock } from "../../clock.js";
import { ClientMarkers } from "./client-markers.js";

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
let store: LmdbStore;
let folder: Awaited<ReturnType<typeof newFolder>>;

beforeEach(async () => {
  clock = new TestClock();
  folder = await newFolder();
  store = new LmdbStore({ directory: folder.path });
});

afterEach(async () => {
  await store.close();
  await folder.remove();
});

it("keeps a marker across restarts until it expires", async () => {
  const before = await ClientMarkers.load(store, clock);
  const note = before.noteOf(KEY, "batch 7\n", seconds(60));
  await store.write([], new Map([[KEY, note]]));

  const after = await ClientMarkers.load(store, clock);
  const [kept] = await store.notes([KEY]);
  expect(after.takeExpired()).toEqual([]);
  expect(after.textOf(kept)).toBe("batch 7\n");
  clock.advance(60);
  expect(after.textOf(kept)).toBeNull();
  expect(after.takeExpired()).toEqual([KEY]);
  expect(after.takeExpired()).toEqual([]);
});

it("goes by the latest expiry", async () => {
  const markers = await ClientMarkers.load(store, clock);
  markers.noteOf(KEY, "x", seconds(10));
  markers.noteOf(KEY, "y", seconds(60));
  clock.advance(59);
  expect(markers.takeExpired()).toEqual([]);
  clock.advance(1);
  expect(markers.takeExpired()).toEqual([KEY]);
});

it("forgets the marker that was written longest ago where there are more than 10,000", async () => {
  const markers = await ClientMarkers.load(store, clock);
  for (let index = 0; index < 10_000; index++) markers.noteOf(`${KEY}${index}`, "x", seconds(60));
  markers.noteOf(`${KEY}0`, "again", seconds(60));
  markers.noteOf(`${KEY}new`, "x", seconds(60));
  expect(markers.takeExpired()).toEqual([`${KEY}1`]);
});

it("keeps a marker that was forgotten and written again before its note was deleted", async () => {
  const markers = await ClientMarkers.load(store, clock);
  for (let index = 0; index <= 10_000; index++) markers.noteOf(`${KEY}${index}`, "x", seconds(60));
  markers.noteOf(`${KEY}0`, "again", seconds(60));
  expect(markers.takeExpired()).not.toContain(`${KEY}0`);
});
