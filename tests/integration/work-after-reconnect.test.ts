/** A whole pipeline on a store whose server restarts with older data between a read and its settlement. */
import { queueNames, StaleEpochError, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { expect, it } from "vitest";
import { startPipeline } from "../support/simulated-pipeline.js";

const queue = queueNames().rawMetrics;
const START = Date.UTC(2026, 5, 1);

/** @param restart called after each read of the raw queue; answers whether the server has started again */
function restartingStore(store: Store, restart: (read: readonly string[]) => Promise<boolean>): Store {
  let epoch = 0;
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "epoch") return epoch;
      const member: unknown = Reflect.get(target, name, target);
      if (name === "read") {
        return async (...[from, options]: Parameters<Store["read"]>) => {
          const records = await target.read(from, options);
          if (from === queue && (await restart(records.map(({ id }) => id)))) epoch += 1;
          return records;
        };
      }
      if (name === "settle") {
        return async ({ onlyInEpoch = epoch, ...settlement }: Parameters<Store["settle"]>[0]) => {
          if (onlyInEpoch !== epoch) throw new StaleEpochError();
          return target.settle(settlement);
        };
      }
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

it("counts once what the server forgot after it was read, and what its client stores again", async () => {
  const memory = new MemoryStore();
  const forgotten = { score: START / 1000, id: "forgotten", value: "" };
  forgotten.value = JSON.stringify({
    metric: "m",
    type: "count",
    value: 1,
    timestamp: START / 1000,
    tags: {},
  });
  let hasRestarted = false;
  const store = restartingStore(memory, async (read) => {
    if (hasRestarted || !read.includes(forgotten.id)) return false;
    hasRestarted = true;
    await memory.settle({ remove: [{ queue, records: [forgotten] }] });
    return true;
  });
  const { clock, count, points, stop } = startPipeline(store, START);
  await count();
  await memory.append(queue, [forgotten]);
  while (!hasRestarted) await clock.advance(1_000);
  await clock.advance(1_000);
  // Its answer was lost with the server, and so was the client's marker.
  await memory.append(queue, [forgotten]);
  await clock.advance(120_000);
  await stop();
  expect([...points().values()].reduce((sum, value) => sum + value, 0)).toBe(2);
  expect(await memory.size(queue)).toBe(0);
});
