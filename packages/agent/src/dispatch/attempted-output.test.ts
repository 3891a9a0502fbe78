import { expect, it } from "vitest";
import type { Outcome } from "../outputs/output.js";
import { AttemptedTimes } from "../runtime/attempted-times.js";
import { attemptedOutput } from "./attempted-output.js";

const PLACES = [
  { score: 20, id: "a" },
  { score: 10, id: "b" },
];

async function attemptedWith(send: () => Promise<Outcome>): Promise<readonly number[]> {
  const attempted = new AttemptedTimes();
  const output = { send, check: send, close: async () => {} };
  await attemptedOutput(output, attempted)
    .send([], undefined, PLACES)
    .catch(() => {});
  return [9, 10, 15, 20, 21].filter((time) => attempted.includes(time));
}

const unavailable = { kind: "unavailable", reason: "no answer", answered: false } as const;
const outcomes: readonly (readonly [string, Outcome])[] = [
  ["an answer that didn't come", { ...unavailable, bytes: 1 }],
  ["503, which a proxy may say of a server that took it", { ...unavailable, answered: true, bytes: 100 }],
  ["a delivery, which may not be settled", { kind: "delivered", bytes: 100 }],
  ["a delivery to where bytes aren't counted", { kind: "delivered", bytes: 0 }],
  ["a refusal", { kind: "refused", reason: "400", foundBy: "answer", bytes: 100 }],
];

it.each(outcomes)("remembers the times of a batch after %s", async (_, outcome) => {
  expect(await attemptedWith(async () => outcome)).toEqual([10, 15, 20]);
});

it("remembers them if the output throws, against its promise", async () => {
  expect(await attemptedWith(() => Promise.reject(new Error("a fault")))).toEqual([10, 15, 20]);
});

it("forgets them if not a byte went out", async () => {
  expect(await attemptedWith(async () => ({ ...unavailable, bytes: 0 }))).toEqual([]);
});

it("remembers the time of a single record, and none without a record", async () => {
  const attempted = new AttemptedTimes();
  const send = async (): Promise<Outcome> => ({ kind: "delivered", bytes: 1 });
  const { resume, ...output } = attemptedOutput({ send, check: send, close: async () => {} }, attempted);
  expect(resume).toBeUndefined();
  await output.send([]);
  expect([0, 10].map((time) => attempted.includes(time))).toEqual([false, false]);
  await output.send([], undefined, PLACES.slice(1));
  expect([9, 10, 11].map((time) => attempted.includes(time))).toEqual([false, true, false]);
});

it("hands everything else on to the output", async () => {
  const calls: string[] = [];
  const { signal } = new AbortController();
  const answer = async (...args: readonly unknown[]): Promise<Outcome> => {
    calls.push(args.map((arg) => (arg === signal ? "signal" : String(arg))).join());
    return { kind: "delivered", bytes: 0 };
  };
  const output = attemptedOutput<string>(
    {
      resume: async (store, given) => ({
        kind: "resumed",
        accepted: [{ score: 1, id: `${store}${given === signal}` }],
      }),
      send: (batch, given) => answer("send", batch, given),
      check: (given) => answer("check", given),
      close: async () => void calls.push("close"),
    },
    new AttemptedTimes(),
  );
  expect(await output.resume?.("s", signal)).toEqual({
    kind: "resumed",
    accepted: [{ score: 1, id: "strue" }],
  });
  await output.send(["a"], signal);
  await output.check(signal);
  await output.close();
  expect(calls).toEqual(["send,a,signal", "check,signal", "close"]);
});

it("remembers a bounded number of ranges, and no fewer times", () => {
  const attempted = new AttemptedTimes();
  for (let time = 0; time < 3_000; time += 2) attempted.add(time, time);
  const times = Array.from({ length: 3_000 }, (_, time) => time);
  const included = times.filter((time) => attempted.includes(time));
  expect(included.filter((time) => time % 2 === 0)).toHaveLength(1_500);
  // The oldest have become one.
  expect(included.filter((time) => time % 2 === 1)).toEqual(
    times.filter((time) => time % 2 === 1 && time < 1_000),
  );
});
