import { expect, it } from "vitest";
import { WorkQueue } from "./work-queue.js";

const turn = () => new Promise(setImmediate);

it("executes what arrives in one turn together, and what arrives meanwhile after it", async () => {
  const executed: (readonly number[])[] = [];
  let end = () => {};
  const queue = new WorkQueue<number>((work) => {
    executed.push(work);
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  expect(queue.isIdle).toBe(true);
  await queue.idle();
  queue.add(1);
  queue.add(2);
  expect([executed, queue.isIdle]).toEqual([[], false]);
  await turn();
  let isIdle = false;
  const idle = queue.idle().then(() => {
    isIdle = true;
  });
  queue.add(3);
  queue.add(4);
  await turn();
  expect([executed, isIdle]).toEqual([[[1, 2]], false]);
  end();
  await turn();
  await turn();
  expect([executed, isIdle, queue.isIdle]).toEqual([
    [
      [1, 2],
      [3, 4],
    ],
    false,
    false,
  ]);
  end();
  await idle;
  expect(queue.isIdle).toBe(true);
  await turn();
  expect(executed.length).toBe(2);
});

it("is idle in the same turn as work that is done without waiting", async () => {
  const executed: (readonly number[])[] = [];
  const queue = new WorkQueue<number>((work) => {
    executed.push(work);
    // Work may add work.
    if (work.includes(1)) queue.add(2);
    return undefined;
  });
  queue.add(1);
  const waiting = [queue.idle(), queue.idle()];
  await Promise.all(waiting);
  expect([executed, queue.isIdle]).toEqual([[[1], [2]], true]);
});
