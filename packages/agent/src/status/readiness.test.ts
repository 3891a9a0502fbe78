import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { readinessOf } from "./readiness.js";

const PATIENCE = seconds(200);
const NOW = seconds(10_000);

function readiness(oldestAge: number, last: number | undefined) {
  const step = {
    queue: "raw",
    last: last === undefined ? undefined : seconds(last),
    done: "aggregated",
  } as const;
  return readinessOf([{ name: "raw", oldestAge: seconds(oldestAge) }], [step], PATIENCE, NOW);
}

describe("readiness", () => {
  it("is denied to a pipeline that reads its queue and never settles", () => {
    expect(readiness(201, undefined)).toEqual({
      ok: false,
      reason: "oldest record of raw is 201 s old and nothing was aggregated recently",
    });
    expect(readiness(201, NOW - 201)).toMatchObject({ ok: false });
  });

  it("is granted while old records come and are worked off, and while nothing has waited", () => {
    expect(readiness(14_000, NOW - 200)).toEqual({ ok: true });
    expect(readiness(200, undefined)).toEqual({ ok: true });
  });

  it("is denied if the store doesn't answer", () => {
    expect(readinessOf(undefined, [], PATIENCE, NOW)).toMatchObject({ ok: false });
  });
});
