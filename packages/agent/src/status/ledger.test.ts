import { counterName, type Disposition } from "@chouette-iot/queue";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ledgerOf, total } from "./ledger.js";

const QUEUE = "chouette:metrics:wrapped";
const FATES: readonly Disposition[] = [
  "aggregated",
  "delivered",
  "rejected",
  "expired",
  "superseded",
  "thinned",
  "requeued",
  "purged",
];

const counts = fc.record(
  Object.fromEntries(FATES.map((fate) => [fate, fc.nat(1000)])) as Record<Disposition, fc.Arbitrary<number>>,
);

function countersOf(accepted: number, fates: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  const ours = Object.entries(fates).map(
    ([fate, count]) => [counterName(QUEUE, fate as Disposition), count] as const,
  );
  const others = [["chouette:metrics:raw:delivered", 7] as const, [`${QUEUE}2:delivered`, 7] as const];
  return new Map([...ours, ...others, [counterName(QUEUE, "accepted"), accepted]]);
}

describe("a ledger", () => {
  it("adds up, whatever was counted and whatever is there", () => {
    fc.assert(
      fc.property(counts, fc.nat(1000), fc.nat(10_000), (fates, pending, accepted) => {
        const ledger = ledgerOf(QUEUE, countersOf(accepted, fates), pending);
        expect(total(ledger.done) + pending + total(ledger.dropped) + ledger.missing).toBe(ledger.accepted);
        expect(ledger.missing === 0 || ledger.accepted === accepted).toBe(true);
        expect(ledger.done).toEqual({
          aggregated: fates.aggregated,
          delivered: fates.delivered,
          thinned: fates.thinned,
          requeued: fates.requeued,
        });
      }),
    );
  });

  it("says what is missing of what was accepted", () => {
    expect(ledgerOf(QUEUE, countersOf(10, { delivered: 4, expired: 1 }), 2)).toMatchObject({
      accepted: 10,
      missing: 3,
    });
  });
});
