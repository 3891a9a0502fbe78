/** What an answer means: the table in docs/DELIVERY.md. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outcomeOf } from "./answer.js";
import type { Answer } from "./request-answer.js";

const BYTES = 123;
const of = (status: number, text = "", headers: Answer["headers"] = {}) =>
  outcomeOf({ status, text, headers }, BYTES);

describe("an answer", () => {
  it.each([
    [202, ""],
    [202, " \r\n"],
    [200, "{}"],
    [202, '{"errors":[]}'],
    [202, '{"errors":null,"more":1}'],
    [299, '{"status":"ok"}'],
  ])("that looks like the intake's delivers: %d %j", (status, text) => {
    expect(of(status, text)).toEqual({ kind: "delivered", bytes: BYTES });
  });

  it.each([
    [200, ""],
    [204, ""],
    [200, " "],
    [200, "<html>"],
    [202, '{"errors":["full"]}'],
    [202, '{"errors":"full"}'],
    [202, '{"errors":{}}'],
    [202, '{"errors":'],
    [202, "[]"],
    [202, "null"],
    [202, "7"],
    [202, '"ok"'],
    [202, "true"],
  ])("of 2xx that doesn't is an answer of something else, and keeps the records: %d %j", (status, text) => {
    const shown = text.trim() === "" && text === "" ? "" : `: ${text.trim()}`;
    expect(of(status, text)).toEqual({
      ...{
        kind: "unavailable",
        reason: `not Datadog's answer: HTTP ${status}${shown}`,
        retryAfter: undefined,
      },
      ...{ answered: true, status, bytes: BYTES },
    });
  });

  it("has one meaning by its status", () => {
    const KEPT = new Set([404, 405, 407, 408, 429]);
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 999 }), fc.constantFrom("", "{}", "no"), (status, text) => {
        const reason = `HTTP ${status}${text === "" ? "" : `: ${text}`}`;
        const common = { reason, status, bytes: BYTES };
        const outcome = of(status, text);
        if (status === 401 || status === 403) expect(outcome).toEqual({ kind: "unauthorized", ...common });
        else if (status === 413)
          expect(outcome).toEqual({ kind: "too-large", parts: 2, foundBy: "answer", ...common });
        else if (status >= 400 && status < 500 && !KEPT.has(status))
          expect(outcome).toEqual({ kind: "refused", foundBy: "answer", ...common });
        else
          expect(outcome).toEqual({ kind: "unavailable", answered: true, retryAfter: undefined, ...common });
      }),
      {
        numRuns: 300,
        examples: [401, 403, 413, 400, 499, 500, 399, ...KEPT].map((status) => [status, "no"]),
      },
    );
  });

  it.each([100, 199, 0])("of %d delivers nothing", (status) => {
    expect(of(status, "{}")).toMatchObject({ kind: "unavailable", reason: `HTTP ${status}: {}` });
  });

  it("is shown in one line of 300 characters at most", () => {
    const reason = (text: string) => {
      const outcome = of(500, text);
      return "reason" in outcome ? outcome.reason : "";
    };
    expect(reason(" a\r\n\tb  c ")).toBe("HTTP 500: a b c");
    const longest = "x".repeat(300);
    expect(reason(longest)).toBe(`HTTP 500: ${longest}`);
    expect(reason(`${longest}y`)).toBe(`HTTP 500: ${longest}…`);
  });
});

describe("the wait that an answer asks for", () => {
  const waitOf = (header: string | string[] | undefined) => {
    const outcome = of(503, "", header === undefined ? {} : { "retry-after": header as string });
    return outcome.kind === "unavailable" ? outcome.retryAfter : Number.NaN;
  };

  it.each([
    ["120", 120_000],
    [" 1 ", 1_000],
    ["0", undefined],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
    [["1", "2"], undefined],
    ["Thu, 01 Jan 1970 00:00:00 GMT", undefined],
    ["9".repeat(400), undefined],
  ])("is %j: %s ms", (header, expected) => {
    expect(waitOf(header)).toBe(expected);
  });

  it("may be a date", () => {
    const wait = waitOf(new Date(Date.now() + 100_000).toUTCString()) ?? 0;
    // Dates have whole seconds.
    expect(wait).toBeGreaterThan(95_000);
    expect(wait).toBeLessThanOrEqual(100_000);
  });
});
