/** The promises of `settle`, including state and counters, and of expiry, which uses it. */
import { counterName, expire, StaleEpochError, StaleSettlementError } from "@chouette-iot/queue";
import { expect, it } from "vitest";
import { numbered, OTHER, QUEUE, record } from "./records.js";
import { readAll, type Subject } from "./subject.js";

export function settlePromises(subject: () => Subject): void {
  it("removes, adds, writes state and counts in one step", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(10));
    await store.settle({
      remove: [{ queue: QUEUE, records: numbered(4) }],
      add: [{ queue: OTHER, records: numbered(2, { from: 100 }) }],
      state: new Map([["window:10", "emitted"]]),
      count: new Map([["aggregated", 4]]),
    });
    expect(await readAll(store, QUEUE)).toEqual(numbered(6, { from: 4 }));
    expect(await readAll(store, OTHER)).toEqual(numbered(2, { from: 100 }));
    expect(await store.state(["window:10"])).toEqual(["emitted"]);
    expect(await store.counters()).toEqual(new Map([["aggregated", 4]]));
  });

  it("takes any number of records at once, of any length", async () => {
    const { store } = subject();
    // Two bytes a character, of which a large one has 300,000.
    const textOf = (index: number) => "é".repeat(index % 900 === 0 ? 300_000 : index % 5);
    const records = numbered(2_501).map(({ score, id }, index) =>
      record(score, index < 1_000 ? id.padEnd(600, "x") : id, textOf(index)),
    );
    await store.settle({ add: [{ queue: QUEUE, records }] });
    expect(await readAll(store, QUEUE)).toEqual(records);
    await store.settle({ remove: [{ queue: QUEUE, records, counter: "left" }] });
    expect(await store.size(QUEUE)).toBe(0);
    expect(await store.counters()).toEqual(new Map([["left", 2_501]]));
  });

  it("adds any number of records of one second, next to others, and the last of an id counts", async () => {
    const { store } = subject();
    const early = numbered(3, { from: 4_000 });
    const same = numbered(2_201, { score: () => 5_000 });
    const late = numbered(3, { from: 7_000 });
    const before = same.slice(700, 900).map(({ id }) => record(6_000, id, "replaced"));
    await store.settle({ add: [{ queue: QUEUE, records: [...early, ...before, ...same, ...late] }] });
    expect(await readAll(store, QUEUE)).toEqual([...early, ...same, ...late]);
  });

  it("counts what a removal found, so that of two settlements of one record one counts it", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(3_000));
    const take = (counter: string, count: number) =>
      store.settle({ remove: [{ queue: QUEUE, records: numbered(count), counter }] });
    await Promise.all([take("first", 2_000), take("second", 2_500), take("third", 2_500)]);
    expect(await store.counters()).toEqual(
      new Map([
        ["first", 2_000],
        ["second", 500],
      ]),
    );
    expect(await store.size(QUEUE)).toBe(500);
  });

  it("removes each record as it was read once, wherever it is by then", async () => {
    const { store } = subject();
    const stored = numbered(300);
    // One after the other: an engine that has little memory has moved most of them by the last.
    for (const one of stored) await store.append(QUEUE, [one]);
    const read = await store.read(QUEUE, { limit: 300 });
    expect(read.length).toBe(300);
    const take = (counter: string, from: number, to: number) =>
      store.settle({ remove: [{ queue: QUEUE, records: read.slice(from, to), counter }] });
    await take("first", 0, 100);
    await take("second", 50, 200);
    // Stored again, they are somewhere else.
    await store.append(QUEUE, stored.slice(200));
    await take("third", 150, 300);
    expect(await store.counters()).toEqual(
      new Map([
        ["first", 100],
        ["second", 100],
        ["third", 100],
      ]),
    );
    expect(await store.size(QUEUE)).toBe(0);
  });

  it("gives records another value in their places as it removes others", async () => {
    const stored = numbered(300);
    // One after the other: an engine that has little memory has moved most of them by the last.
    for (const one of stored) await subject().store.append(QUEUE, [one]);
    const read = await subject().store.read(QUEUE, { limit: 300 });
    const isKept = (_: unknown, index: number) => index % 10 === 0;
    const joined = stored.filter(isKept).map(({ score, id }) => record(score, id, '{"joined":10}'));
    await subject().store.settle({
      remove: [{ queue: QUEUE, records: read.filter((one, index) => !isKept(one, index)), counter: "left" }],
      add: [{ queue: QUEUE, records: joined }],
    });
    expect(await readAll(subject().store, QUEUE)).toEqual(joined);
    expect(await subject().store.size(QUEUE)).toBe(30);
    expect(await subject().store.counters()).toEqual(new Map([["left", 270]]));
    await subject().reopen();
    expect(await readAll(subject().store, QUEUE)).toEqual(joined);
  });

  it("never shows a part of itself", async () => {
    const { store } = subject();
    const moves = Array.from({ length: 30 }, (_, move) => numbered(10, { from: move * 10 }));
    await store.append(QUEUE, moves.flat());
    const settling = (async () => {
      for (const records of moves) {
        await store.settle({
          remove: [{ queue: QUEUE, records }],
          add: [{ queue: OTHER, records }],
          count: new Map([["moved", records.length]]),
        });
      }
    })();
    // Read one after the other, so that each can only be ahead of the one before.
    for (let moved = 0; moved < 300; ) {
      const left = await store.size(QUEUE);
      const arrived = await store.size(OTHER);
      moved = (await store.counters()).get("moved") ?? 0;
      expect([left % 10, arrived % 10, moved % 10]).toEqual([0, 0, 0]);
      expect(300 - left).toBeLessThanOrEqual(arrived);
      expect(arrived).toBeLessThanOrEqual(moved);
      await new Promise(setImmediate);
    }
    await settling;
  });

  it("finds nothing wrong with removing what isn't there", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(1));
    await store.settle({
      remove: [
        { queue: QUEUE, records: [...numbered(1), ...numbered(1), record(1, "nobody")] },
        { queue: "chouette:never:used", records: numbered(1) },
      ],
      removeOrphans: [{ queue: QUEUE, ids: ["nobody"] }],
      state: new Map([["nothing", undefined]]),
    });
    expect(await store.size(QUEUE)).toBe(0);
  });

  it("adds again what it removes: removals come first", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(2));
    const moved = { ...record(9, numbered(1)[0]?.id ?? ""), value: '{"again":true}' };
    await store.settle({
      remove: [{ queue: QUEUE, records: numbered(1) }],
      add: [{ queue: QUEUE, records: [moved] }],
    });
    expect(await readAll(store, QUEUE)).toEqual([...numbered(1, { from: 1 }), moved]);
  });

  it("changes nothing if a key that it depends on has another text", async () => {
    const { store } = subject();
    await store.settle({ state: new Map([["lease", "one"]]) });
    await store.append(QUEUE, numbered(2));
    const stale: readonly (readonly [string, string | undefined])[] = [
      ["lease", "two"],
      ["lease", ""],
      ["lease", undefined],
      ["nobody's", "one"],
    ];
    for (const expected of stale) {
      const settlement = {
        onlyWhile: new Map([["lease", "one"], expected]),
        remove: [{ queue: QUEUE, records: numbered(2) }],
        state: new Map([["lease", "three"]]),
        count: new Map([["aggregated", 2]]),
      };
      await expect(store.settle(settlement)).rejects.toThrow(StaleSettlementError);
    }
    expect(await readAll(store, QUEUE)).toEqual(numbered(2));
    expect(await store.counters()).toEqual(new Map());
    await store.settle({
      onlyWhile: new Map([
        ["lease", "one"],
        ["nobody's", undefined],
      ]),
      remove: [{ queue: QUEUE, records: numbered(1) }],
      state: new Map([["lease", "two"]]),
    });
    expect(await readAll(store, QUEUE)).toEqual(numbered(1, { from: 1 }));
    expect(await store.state(["lease"])).toEqual(["two"]);
  });

  it("changes nothing in another epoch than the one that it depends on", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(2));
    const settlement = { remove: [{ queue: QUEUE, records: numbered(1), counter: "removed" }] };
    await expect(store.settle({ ...settlement, onlyInEpoch: store.epoch + 1 })).rejects.toThrow(
      StaleEpochError,
    );
    expect(await store.size(QUEUE)).toBe(2);
    await store.settle({ ...settlement, onlyInEpoch: store.epoch });
    expect(await store.size(QUEUE)).toBe(1);
  });

  it("lets one of many take a key that nobody has, and refuses no other with the rest", async () => {
    const { store } = subject();
    const takers = Array.from({ length: 8 }, (_, taker) =>
      store.settle({ onlyWhile: new Map([["lease", undefined]]), state: new Map([["lease", `${taker}`]]) }),
    );
    const append = store.append(QUEUE, numbered(3));
    const outcomes = await Promise.allSettled(takers);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await append;
    expect(await store.size(QUEUE)).toBe(3);
  });

  it("keeps state and counters when the store is opened again", async () => {
    const { store } = subject();
    await store.settle({
      state: new Map([
        ["w:1", "one"],
        ["w:2", ""],
        ["w", "none"],
        ["x:1", "größer \u{1f989}"],
      ]),
      count: new Map([["delivered", 3]]),
    });
    await store.settle({ state: new Map([["w:1", undefined]]), count: new Map([["delivered", 4]]) });
    await subject().reopen();
    const reopened = subject().store;
    expect(await reopened.state(["w:1", "w:2", "x:1"])).toEqual([undefined, "", "größer \u{1f989}"]);
    expect(await reopened.state([])).toEqual([]);
    expect(await reopened.stateWithPrefix("w:")).toEqual(new Map([["w:2", ""]]));
    expect(await reopened.stateWithPrefix("y")).toEqual(new Map());
    expect(await reopened.counters()).toEqual(new Map([["delivered", 7]]));
  });
}

export function expirePromises(subject: () => Subject): void {
  it("removes what is older than a time, in bounded pages, and counts it", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(5_200));
    expect(await expire(store, QUEUE, { before: 5_150 })).toBe(5_150);
    expect(await expire(store, QUEUE, { before: 5_150 })).toBe(0);
    expect(await readAll(store, QUEUE)).toEqual(numbered(50, { from: 5_150 }));
    expect(await store.counters()).toEqual(new Map([[counterName(QUEUE, "expired"), 5_150]]));
  });
}
