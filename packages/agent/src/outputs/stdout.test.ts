import { type ReadyMetric, type ReceivedLog, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { openStdout } from "./stdout.js";

/** Writes the clipboard of a terminal, then forges a line. */
const ATTACK = "\u001b]52;c;eA==\u0007\n2026-01-01 forged\u009b2J";
const METRIC: ReadyMetric = {
  metric: "m",
  type: "gauge",
  tags: [`a:${ATTACK}`],
  points: [[seconds(1000), 1]],
};
const LOG: ReceivedLog = { date: ATTACK, level: ATTACK, service: ATTACK, message: ATTACK, ddtags: [ATTACK] };

async function printed(pretty: boolean): Promise<string> {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  const options = { hostName: () => "h", pretty, write };
  const { metrics, logs } = openStdout(options);
  await metrics.send([METRIC]);
  await logs.send([LOG]);
  return text;
}

describe("stdout output", () => {
  it.each([
    true,
    false,
  ])("writes a line a record and nothing that steers a terminal (pretty: %s)", async (pretty) => {
    const text = await printed(pretty);
    expect(text.split("\n")).toHaveLength(3);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  it("writes a log whose fields are no texts", async () => {
    let text = "";
    const options = {
      hostName: () => "h",
      pretty: true,
      write: (more: string) => (text += more),
    };
    const odd = { toString: 1, valueOf: null };
    const log = { date: odd, level: [[odd]], service: 5, message: { msg: "hi" }, ddtags: [] };
    await openStdout(options).logs.send([log]);
    expect(text).toContain('[[{"toString":1,"valueOf":null}]]  5  {"msg":"hi"}');
  });
});
