import fc from "fast-check";
import { expect, it } from "vitest";
import { ReplyQueue } from "./reply-queue.js";

it("sends answers in the order of the requests, as soon as those before them are known", () => {
  // Each request is answered at once, or later, in the order of these numbers.
  const requests = fc.array(fc.option(fc.nat()), { maxLength: 50 });
  fc.assert(
    fc.property(requests, (requests) => {
      let sent = "";
      const queue = new ReplyQueue((text) => {
        sent += text;
      });
      const later: { readonly turn: number; answer(): void }[] = [];
      for (const [index, turn] of requests.entries()) {
        if (turn === null) {
          queue.add(`${index},`);
        } else {
          const answer = queue.reserve(10);
          later.push({ turn, answer: () => answer(`${index},`) });
        }
      }
      const whole = requests.map((_, index) => `${index},`).join("");
      for (const { answer } of later.sort((a, b) => a.turn - b.turn)) {
        expect(queue.empty).toBe(false);
        answer();
        expect(whole.startsWith(sent)).toBe(true);
      }
      expect(sent).toBe(whole);
      expect(queue.empty).toBe(true);
      expect(queue.heldBytes).toBe(0);
    }),
  );
});

it("says what waits in memory", () => {
  const queue = new ReplyQueue(() => {});
  queue.add("sent at once");
  expect(queue.heldBytes).toBe(0);
  const answer = queue.reserve(1_000);
  queue.add("x".repeat(500));
  expect(queue.heldBytes).toBeGreaterThanOrEqual(1_500);
  answer("known");
  expect(queue.heldBytes).toBe(0);
});

it("counts small requests and replies as memory, too", () => {
  const queue = new ReplyQueue(() => {});
  for (let number = 0; number < 500; number++) queue.reserve(0);
  for (let number = 0; number < 500; number++) queue.add("");
  expect(queue.heldBytes).toBeGreaterThanOrEqual(1_000 * 32);
});

it("sends nothing while the first reply isn't known, nor for replies that were dropped", () => {
  const sent: string[] = [];
  const queue = new ReplyQueue((text) => sent.push(text));
  const [first, second] = [queue.reserve(10), queue.reserve(10)];
  second("2");
  expect(sent).toEqual([]);
  queue.abandon();
  expect([queue.empty, queue.heldBytes]).toEqual([true, 0]);
  first("1");
  expect([sent, queue.heldBytes]).toEqual([[], 0]);
  queue.add("3");
  expect(sent).toEqual(["3"]);
});
