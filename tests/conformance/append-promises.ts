/** The promises of `append`. */
import { expect, it } from "vitest";
import { numbered, OTHER, QUEUE, record } from "./records.js";
import { readAll, type Subject } from "./subject.js";

export function appendPromises(subject: () => Subject): void {
  it("stores every record, with its score and value as they were", async () => {
    const { store } = subject();
    const stored = [record(1.5, "b"), record(0.1 + 0.2, "a", '{"text":"größer \u{1f989}\\n"}')];
    await store.append(QUEUE, stored);
    expect(await readAll(store, QUEUE)).toEqual([stored[1], stored[0]]);
    expect(await store.size(QUEUE)).toBe(2);
    expect(await store.size(OTHER)).toBe(0);
  });

  it("changes nothing when a record is stored again under its own position", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(10));
    await store.append(QUEUE, numbered(10).slice(3, 7));
    await store.append(QUEUE, [...numbered(1), ...numbered(1)]);
    expect(await readAll(store, QUEUE)).toEqual(numbered(10));
    expect(await store.size(QUEUE)).toBe(10);
  });

  it("takes nothing, and says so, where there is nothing to store", async () => {
    const { store } = subject();
    await store.append(QUEUE, []);
    await store.settle({});
    await store.settle({ remove: [{ queue: QUEUE, records: [] }], add: [{ queue: QUEUE, records: [] }] });
    expect(await store.read(QUEUE, { limit: 10 })).toEqual([]);
  });

  it("shows all records of a call or none", async () => {
    const { store } = subject();
    const calls = Array.from({ length: 20 }, (_, call) =>
      store.append(QUEUE, numbered(50, { from: call * 50 })),
    );
    const appending = Promise.all(calls);
    let size = 0;
    while (size < 1_000) {
      size = await store.size(QUEUE);
      expect(size % 50).toBe(0);
      await new Promise(setImmediate);
    }
    await appending;
  });

  it("keeps its records when the store is opened again", async () => {
    await subject().store.append(QUEUE, numbered(2_500));
    await subject().reopen();
    expect(await readAll(subject().store, QUEUE)).toEqual(numbered(2_500));
  });
}
