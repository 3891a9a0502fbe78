/** The `chouette` command as a process: what it says of itself. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runChouette } from "../support/agent-process.js";

const { version } = JSON.parse(
  readFileSync(new URL("../../packages/agent/package.json", import.meta.url), "utf8"),
);

async function chouette(...args: readonly string[]) {
  const running = runChouette(args);
  return { code: await running.ended, output: running.output() };
}

describe("chouette", () => {
  it.each(["--version", "-V"])("tells its version by %s, and nothing else", async (option) => {
    expect(await chouette(option)).toEqual({ code: 0, output: `${version}\n` });
  });

  it("names that option and every command in its help", async () => {
    const { code, output } = await chouette("--help");
    expect(code).toBe(0);
    expect(output).toContain("-V, --version");
    for (const command of ["agent", "send", "collect", "status", "doctor", "queue", "config", "intake"])
      expect(output).toMatch(new RegExp(`^  ${command} `, "m"));
  });
});
