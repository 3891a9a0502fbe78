import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { encodeRejected, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { newestDeadLetters } from "./dead-letters.js";

const queues = queueNames();
const NOW = 1_000_000;
const DAY = 86_400;

/** A dead letter for each age. */
async function storeWith(ages: readonly number[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const letters = ages.map((age, n) => {
    const at = seconds(NOW - age);
    const letter = { reason: "unusable", queue: queues.rawMetrics, at, id: `${n}`, value: null };
    return { score: at, id: `${n}`, value: encodeRejected(letter) };
  });
  await store.append(queues.rejected, letters);
  return store;
}

async function shownAges(ages: readonly number[]): Promise<readonly number[]> {
  const shown = await newestDeadLetters([{ store: await storeWith(ages), queues }], seconds(NOW));
  return shown.map(({ at }) => NOW - at);
}

const ages = (count: number, first: number) => Array.from({ length: count }, (_, n) => first + n);

describe("the newest dead letters", () => {
  it("are shown even if fewer than ten follow a page of old ones", async () => {
    expect((await shownAges([...ages(60, 2 * DAY), ...ages(9, 1)])).slice(0, 9)).toEqual(ages(9, 1));
    expect((await shownAges([...ages(60, 7_200), ...ages(3, 300), ...ages(3, 1)])).slice(0, 6)).toEqual([
      ...ages(3, 1),
      ...ages(3, 300),
    ]);
  });

  it.each([[[]], [[5]], [[5, 700, 4_000, DAY + 1]]])("are all if there are few: %j", async (few) => {
    expect(await shownAges(few)).toEqual(few);
  });

  it("are ten of those of a page", async () => {
    expect(await shownAges(ages(40, 1))).toEqual(ages(10, 1));
  });
});
