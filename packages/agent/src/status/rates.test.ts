import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { RateMeter } from "./rates.js";

function queue(accepted: number, delivered: number) {
  const ledger = {
    accepted,
    done: { delivered },
    pending: accepted - delivered,
    dropped: {},
    missing: 0,
    unknownLosses: 0,
  };
  return [{ name: "q", ledger }];
}

describe("the rates of a queue", () => {
  it("are those of the last minute", () => {
    const meter = new RateMeter();
    expect(meter.of("q")).toBeUndefined();
    meter.add(milliseconds(0), queue(0, 0));
    expect(meter.of("q")).toBeUndefined();
    meter.add(milliseconds(10_000), queue(100, 50));
    expect(meter.of("q")).toEqual({ in: 10, out: 5 });
    meter.add(milliseconds(70_000), queue(160, 170));
    expect(meter.of("q")).toEqual({ in: 1, out: 2 });
  });

  it("are never below 0, even where the store was emptied by hand", () => {
    const meter = new RateMeter();
    meter.add(milliseconds(0), queue(100, 100));
    meter.add(milliseconds(10_000), queue(0, 0));
    expect(meter.of("q")).toEqual({ in: 0, out: 0 });
  });
});
