/** docs/COLLECTORS.md matches the descriptions of the built collectors. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { run } from "../support/running.js";

const script = fileURLToPath(new URL("../../scripts/collector-docs.mjs", import.meta.url));

describe("docs/COLLECTORS.md", () => {
  it("is current", async () => {
    const check = run(process.execPath, [script, "--check"]);
    expect([await check.ended, check.output()]).toEqual([0, ""]);
  });
});
