/** Invariant: a batch has each id of each queue once, with the last score and the last value that it was given. */
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { WriteBatch } from "./write-batch.js";

const draft = fc.record({
  queue: fc.constantFrom("a", "b"),
  id: fc.constantFrom("1", "2", "3"),
  score: fc.option(fc.nat(9), { nil: undefined }),
  value: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
});

it("joins scores and values by queue and id, and holds memory for each", () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 12 }), fc.nat(3), (drafts, markers) => {
      const batch = new WriteBatch();
      const model = new Map<string, { queue: string; id: string; score?: number; value?: string }>();
      expect([batch.empty, batch.heldBytes]).toEqual([true, 0]);
      batch.bytes = 1_000;
      for (const { queue, id, score, value } of drafts) {
        const wanted = model.get(`${queue} ${id}`) ?? { queue, id };
        const found = batch.draft(queue, id);
        for (const target of [wanted, found]) {
          if (score !== undefined) target.score = score;
          if (value !== undefined) target.value = value;
        }
        model.set(`${queue} ${id}`, wanted);
      }
      for (let marker = 0; marker < markers; marker++)
        batch.setMarker(`${marker}`, { text: "x", lifetime: seconds(1) });
      const key = ({ queue, id }: { readonly queue: string; readonly id: string }) => `${queue} ${id}`;
      const byKey = (one: { queue: string; id: string }, other: { queue: string; id: string }) =>
        key(one) < key(other) ? -1 : 1;
      expect([...batch.writes()].sort(byKey)).toEqual([...model.values()].sort(byKey));
      expect(batch.empty).toBe(model.size + markers === 0);
      expect([...batch.markers.keys()]).toEqual(Array.from({ length: markers }, (_, marker) => `${marker}`));
      // At least what the objects take.
      expect(batch.heldBytes).toBeGreaterThanOrEqual(1_000 + 100 * (model.size + markers));
      expect(batch.heldBytes).toBeLessThanOrEqual(1_000 + 300 * (model.size + markers));
      batch.clear();
      expect([batch.empty, batch.heldBytes, batch.writes(), batch.markers.size]).toEqual([true, 0, [], 0]);
      batch.draft("a", "1").score = 7;
      expect(batch.writes()).toEqual([{ queue: "a", id: "1", score: 7 }]);
    }),
  );
});
