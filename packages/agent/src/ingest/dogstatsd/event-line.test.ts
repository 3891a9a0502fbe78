import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEvent, parseServiceCheck } from "./event-line.js";

const NOW = 1_700_000_000;

describe("an event line", () => {
  it("is read with all of its fields, by the lengths in bytes", () => {
    const line = "_e{4,8}:Größ|a|b\\nüéx|d:1650000000|h:owl|k:key|p:low|s:src|t:error|#a:b,c|c:ci-1";
    // This is what a client that counts characters sends.
    expect(parseEvent(line, NOW)).toEqual({
      ok: false,
      reason: "the lengths don't match the title and text",
    });
    const right = line.replace("{4,8}", `{${Buffer.byteLength("Größ")},${Buffer.byteLength("a|b\\nüéx")}}`);
    expect(parseEvent(right, NOW)).toMatchObject({
      ok: true,
      value: {
        record: {
          ...{ title: "Größ", text: "a|b\nüéx", date_happened: 1_650_000_000, tags: ["a:b", "c"] },
          ...{
            host: "owl",
            aggregation_key: "key",
            priority: "low",
            source_type_name: "src",
            alert_type: "error",
          },
        },
        origin: { containerId: "1" },
      },
    });
  });

  it.each([
    "_e{1,1}",
    "_e{1}:a|b",
    "_e{2,1}:a|b",
    "_e{1,5}:a|b",
    "_e{0,1}:|b",
    "_e{1,1}:a|bc",
    "_e{1,1}:a|b|p:urgent",
    "_e{1,1}:a|b|t:bad",
    "_e{1,1}:a|b|d:yesterday",
  ])("is refused: %s", (line) => {
    expect(parseEvent(line, NOW).ok).toBe(false);
  });
});

describe("a service check line", () => {
  it("is read with all of its fields, the message last", () => {
    expect(
      parseServiceCheck("_sc|db.up|2|d:1650000000|h:owl|#a:b|m:down|really\\nm\\: yes", NOW),
    ).toMatchObject({
      value: {
        record: {
          ...{ check: "db.up", status: 2, timestamp: 1_650_000_000, host_name: "owl", tags: ["a:b"] },
          message: "down|really\nm: yes",
        },
      },
    });
    expect(parseServiceCheck("_sc|db.up|0", NOW)).toMatchObject({
      value: { record: { check: "db.up", status: 0, timestamp: NOW, tags: [] } },
    });
  });

  it.each(["_sc|", "_sc|a", "_sc|a|4", "_sc|a|ok", "_sc||0", "_sc|a|0|d:x"])("is refused: %s", (line) => {
    expect(parseServiceCheck(line, NOW).ok).toBe(false);
  });
});

it("any line is read or refused: nothing is thrown", () => {
  const piece = fc.constantFrom(
    "_e{",
    "_sc|",
    "1",
    "9",
    ",",
    "}:",
    "|",
    "a",
    "é",
    "d:",
    "#",
    "m:",
    "\\n",
    "\0",
  );
  const text = fc.array(piece).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, fc.constantFrom("_e{1,1}:a|b", "_sc|a|0", ""), (end, start) => {
      parseEvent(start + end, NOW);
      parseServiceCheck(start + end, NOW);
    }),
    { numRuns: 500 },
  );
});
