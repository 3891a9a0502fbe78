import { expect, it } from "vitest";
import { readSettings } from "./config.js";
import { OUTPUT_NAMES, OUTPUTS } from "./outputs.js";

it.each(OUTPUT_NAMES)("requires a key for %s if and only if it posts to Datadog", (name) => {
  const without = readSettings({ CHOUETTE_OUTPUT: name });
  expect(without.ok).toBe(!OUTPUTS[name].usesDatadogUrls);
  expect(readSettings({ CHOUETTE_OUTPUT: name, API_KEY: "0123" }).ok).toBe(true);
});

it("has one place for each output, since it distinguishes outages", () => {
  const places = OUTPUT_NAMES.map((name) => OUTPUTS[name].place);
  expect(new Set(places).size).toBe(places.length);
});
