import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { Outage } from "./outage.js";

it("an outage of several parts is reported when its first part begins and when its last one ends", () => {
  const said: string[] = [];
  const say = (_: unknown, message?: string) => {
    said.push(message ?? "");
  };
  const clock = { now: () => milliseconds(0), monotonic: () => milliseconds(0), sleep: async () => {} };
  const whole = new Outage("Datadog", clock, { debug: say, info: say, warn: say, error: say });
  const parts = [whole.part(), whole.part()] as const;
  parts[0].end();
  expect(said).toEqual([]);
  parts[0].begin("HTTP 500");
  parts[1].begin("HTTP 502");
  expect(said).toEqual(["Datadog is unavailable: HTTP 500; retrying"]);
  parts[0].end();
  expect(whole.report()).toMatchObject({ count: 1, current: { reason: "HTTP 500" } });
  parts[1].end();
  expect(said.at(-1)).toBe("Datadog recovered after 0 s");
  expect(said).toHaveLength(2);
  expect(whole.report().current).toBeUndefined();
});
