import { describe, expect, it } from "vitest";
import { checkOriginalHost } from "./doctor-checks.js";

const found = async () => ({ address: "10.0.0.2", family: 4 });
const notFound = async () => {
  throw new Error("ENOTFOUND");
};

describe("the Python agent's default host", () => {
  it("is warned about if it exists and the embedded broker is used", async () => {
    const [finding] = await checkOriginalHost({ storage: "embedded" }, found);
    expect(finding).toMatchObject({
      verdict: "warning",
      advice: expect.stringContaining("REDIS_HOST=redis"),
    });
  });

  it("is no concern if it doesn't exist, or Redis is used", async () => {
    expect(await checkOriginalHost({ storage: "embedded" }, notFound)).toEqual([]);
    expect(await checkOriginalHost({ storage: "redis" }, found)).toEqual([]);
  });
});
