import { expect, it } from "vitest";
import { readSettings } from "./config.js";
import { OUTPUT_NAMES, OUTPUTS } from "./outputs.js";

it.each(OUTPUT_NAMES)("requires a key for %s if and only if it posts to Datadog", (name) => {
  const settings = { CHOUETTE_OUTPUT: name, GATEWAY_URL: "redis://gateway:6379" };
  expect(readSettings(settings).ok).toBe(!OUTPUTS[name].usesDatadogUrls);
  expect(readSettings({ ...settings, API_KEY: "0123" }).ok).toBe(true);
});

it("sends to a gateway if its address is set, with a key as well, and asks for the address if it isn't", () => {
  const read = readSettings({ GATEWAY_URL: "rediss://:secret@gateway", API_KEY: "0123" });
  expect(read.ok && read.config.output).toBe("gateway");
  expect(readSettings({ CHOUETTE_OUTPUT: "gateway" })).toMatchObject({
    ok: false,
    problems: [expect.stringMatching(/^GATEWAY_URL/)],
  });
});

it("has one place for each output, since it distinguishes outages", () => {
  const places = OUTPUT_NAMES.map((name) => OUTPUTS[name].place);
  expect(new Set(places).size).toBe(places.length);
});
