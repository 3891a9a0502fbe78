import type { ReceivedLog } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeLog, MAX_LOG_BYTES } from "./datadog-logs.js";

function encoded(log: ReceivedLog): Record<string, unknown> {
  const json = encodeLog(log, "device-1");
  expect(Buffer.byteLength(json)).toBeLessThanOrEqual(MAX_LOG_BYTES);
  return JSON.parse(json);
}

describe("a log as it is sent", () => {
  it("has its tags once each, and the host", () => {
    expect(encoded({ ddtags: ["b:c", "zone:a", "b:c"], message: "hello", level: "INFO" })).toEqual({
      ddtags: "b:c,zone:a",
      message: "hello",
      level: "INFO",
      host: "device-1",
    });
  });

  it("keeps the host that it names", () => {
    const log = { ddtags: [], message: "hello", host: "other" };
    expect(encoded(log).host).toBe("other");
  });

  it("is cut at its longest texts, wherever they are, and says so", () => {
    const log = encoded({
      ddtags: [],
      level: "ERROR",
      message: { msg: "short" },
      exc_info: "x".repeat(900_000),
      context: { body: ["y".repeat(900_000), 5] },
    });
    expect(log).toMatchObject({ level: "ERROR", message: { msg: "short" }, ddtags: "cut:true" });
    expect(log.exc_info).toMatch(/^x{100000,}… \(cut\)$/);
    expect(log.context).toEqual({ body: [expect.stringMatching(/^y{100000,}… \(cut\)$/), 5] });
  });

  it("keeps what says what it is where there are too many fields", () => {
    const fields = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, index) => [`field${index}`, "12345678"]),
    );
    const log = encoded({
      ...fields,
      ddtags: ["a:b"],
      date: "2026-11-22",
      service: "app",
      message: { msg: "hello" },
    });
    expect(log).toEqual({
      date: "2026-11-22",
      service: "app",
      host: "device-1",
      message: '{"msg":"hello"}',
      ddtags: "a:b,cut:true",
    });
  });

  it("fits, whatever is in it, and is marked where it was cut", () => {
    const text = fc.tuple(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), fc.nat(60_000));
    const long = text.map(([part, times]) => part.repeat(times));
    const log = fc.record({
      ddtags: fc.array(long, { maxLength: 3 }),
      message: fc.oneof(long, fc.record({ msg: long })),
      extra: fc.array(fc.oneof(long, fc.integer()), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(log, (any) => {
        const { message, ddtags } = encoded(any);
        expect(message).toBeDefined();
        const isWhole = JSON.stringify(any).length < 300_000;
        if (isWhole) expect(message).toEqual(any.message);
        else if (String(ddtags).endsWith("cut:true")) return;
        expect(JSON.stringify([message, ddtags])).not.toContain("(cut)");
      }),
      { numRuns: 30 },
    );
  });
});
