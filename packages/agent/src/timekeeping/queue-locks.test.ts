import { describe, expect, it } from "vitest";
import { QueueLocks } from "./queue-locks.js";

/** A step that takes until it is ended. */
function longStep() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { step: () => ended.then(() => "done"), end: () => end() };
}

const quick = async () => "done";

describe("a queue's lock", () => {
  it("keeps records from being moved while the queue is used, until the last user is done", async () => {
    const locks = new QueueLocks();
    const [first, second] = [longStep(), longStep()];
    const using = [locks.using(["a", "b"], first.step), locks.using(["a"], second.step)];
    expect(await locks.moving("a", quick)).toBeUndefined();
    expect(await locks.moving("c", quick)).toBe("done");
    first.end();
    await using[0];
    expect(await locks.moving("b", quick)).toBe("done");
    expect(await locks.moving("a", quick)).toBeUndefined();
    second.end();
    expect(await Promise.all(using)).toEqual(["done", "done"]);
    expect(await locks.moving("a", quick)).toBe("done");
  });

  it("keeps a queue from being used while its records are moved, and no other queue", async () => {
    const locks = new QueueLocks();
    const move = longStep();
    const moving = locks.moving("a", move.step);
    expect(await locks.using(["b", "a"], quick)).toBeUndefined();
    expect(await locks.moving("a", quick)).toBeUndefined();
    expect(await locks.using(["b"], quick)).toBe("done");
    expect(await locks.moving("b", quick)).toBe("done");
    move.end();
    expect(await moving).toBe("done");
    expect(await locks.using(["b", "a"], quick)).toBe("done");
  });

  it("is free again after a step that failed", async () => {
    const locks = new QueueLocks();
    const fail = () => Promise.reject(new Error("fails"));
    await expect(locks.using(["a"], fail)).rejects.toThrow("fails");
    await expect(locks.moving("a", fail)).rejects.toThrow("fails");
    expect(await locks.using(["a"], quick)).toBe("done");
    expect(await locks.moving("a", quick)).toBe("done");
  });
});
