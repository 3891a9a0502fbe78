import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { flushId, forwardedId, isForwarded, isOfFlush, isOwnReady } from "./ready-ids.js";

const STORE = "aZ09-_aZ";

it("of two emissions of one second, the later one's id sorts behind, at a gateway too", () => {
  const number = fc.nat(3_000);
  fc.assert(
    fc.property(number, number, number, number, (one, other, index, otherIndex) => {
      fc.pre(one < other);
      const idOf = (emission: number, at: number) =>
        forwardedId(flushId(seconds(1_000), emission, at), STORE);
      expect(idOf(one, index) < idOf(other, otherIndex)).toBe(true);
    }),
  );
});

it("different ids stay different, are short, printable, and say that the record was sent here", () => {
  const anyId = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("a\ud800", "a\ud801", "x".repeat(900)),
  );
  fc.assert(
    fc.property(anyId, anyId, (one, other) => {
      const ids = [one, other].map((id) => forwardedId(id, STORE));
      for (const id of ids) {
        expect(id).toMatch(/^[\x21-\x7e]{1,220}$/);
        expect([isForwarded(id), isOwnReady(id), isOfFlush(id)]).toEqual([true, true, false]);
      }
      expect(ids[0] === ids[1]).toBe(one === other);
    }),
  );
});
