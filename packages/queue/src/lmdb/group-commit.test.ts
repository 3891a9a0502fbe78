import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { GroupCommit } from "./group-commit.js";

const HOUR = milliseconds(3_600_000);
const SAVED = 500;

function setUp() {
  const commits: number[] = [];
  let now = 0;
  let writes = 0;
  const group = new GroupCommit(
    (apply) => {
      apply();
      commits.push(writes);
      writes = 0;
    },
    HOUR,
    () => now,
  );
  const add = (bytes: number) =>
    group.add(() => {
      writes += 1;
    }, bytes);
  return {
    commits,
    group,
    add,
    spendAll: async () => {
      for (let commit = 0; commit < SAVED; commit++) await add(1);
    },
    pass: (time: number) => {
      now += time;
    },
  };
}

it("commits at once while commits are saved, then once an interval what has come together", async () => {
  const { commits, group, add, spendAll, pass } = setUp();
  await spendAll();
  expect(commits).toHaveLength(SAVED);
  const waiting = [add(1), add(1)];
  await new Promise(setImmediate);
  expect(commits).toHaveLength(SAVED);
  group.commit();
  await Promise.all(waiting);
  expect(commits.slice(SAVED)).toEqual([2]);
  pass(2 * HOUR);
  await add(1);
  expect(commits.slice(SAVED)).toEqual([2, 1]);
});

it("commits what is full at once, and spends nothing for it", async () => {
  const { commits, add, spendAll, pass } = setUp();
  await spendAll();
  const small = add(1_000);
  await Promise.all([small, add(100_000)]);
  expect(commits.slice(SAVED)).toEqual([2]);
  for (let full = 0; full < 10; full++) await add(100_000);
  pass(HOUR);
  await add(1);
  expect(commits).toHaveLength(SAVED + 1 + 10 + 1);
});
