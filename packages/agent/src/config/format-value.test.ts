import { expect, it } from "vitest";
import { formatValue } from "./format-value.js";
import { SETTINGS } from "./settings.js";

it.each([
  ["listen", "[::1]:6379"],
  ["listen", "127.0.0.1:6379"],
  ["http", "off"],
  ["statsd", "udp://[::1]:8125,unixstream:///run/statsd.sock"],
  ["backlogResolution", "3600s:60,21600s:300"],
  ["globalTags", "zone:a,env:prod"],
] as const)("%s is shown in the form in which it is set: %s", (name, text) => {
  expect(formatValue(SETTINGS[name].schema.parse(text))).toBe(text);
});
