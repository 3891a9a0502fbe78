import { expect, it } from "vitest";
import { seriesVersion } from "./series-version.js";

it.each([
  ["https://api.datadoghq.com/api", "v3"],
  ["https://api.us5.datadoghq.com/api", "v3"],
  ["https://api.ddog-gov.com/api", "v3"],
  ["https://datadoghq.com.example.org/api", "v2"],
  ["https://notdatadoghq.com/api", "v2"],
  ["http://127.0.0.1:8128/api", "v2"],
])("is v3 for Datadog's own domains alone if nobody says: %s is sent %s", (url, version) => {
  expect(seriesVersion("auto", url)).toBe(version);
  expect(seriesVersion("v1", url)).toBe("v1");
});
