import { expect, it } from "vitest";
import { readSettings } from "./config.js";

const shards = { API_KEY: "0123", CHOUETTE_SHARDS: "12" };

it("shards need a Redis server", () => {
  const read = readSettings({ ...shards, REDIS_HOST: "broker" });
  expect(read.ok && read.config.settings.shards).toBe(12);
  expect(readSettings(shards)).toMatchObject({ problems: [expect.stringMatching(/no shards$/)] });
});

it.each([
  "DAILY_BYTE_BUDGET",
  "MONTHLY_BYTE_BUDGET",
])("shards exclude %s, which is for one device", (budget) => {
  expect(readSettings({ ...shards, REDIS_HOST: "broker", [budget]: "1000000" })).toMatchObject({
    problems: [expect.stringMatching(/^CHOUETTE_SHARDS/)],
  });
});

it.each(["0", "1.5", "many", "257"])("%s is no number of shards", (number) => {
  expect(readSettings({ ...shards, REDIS_HOST: "broker", CHOUETTE_SHARDS: number }).ok).toBe(false);
});
