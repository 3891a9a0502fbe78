import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metricNumber, parseShape } from "./metric-line.js";
import { ScannedLine } from "./scanned-line.js";

function shapeOf(line: string) {
  const bytes = Buffer.from(line);
  const scanned = new ScannedLine();
  scanned.scan(bytes, 0, bytes.length);
  if (!scanned.hasParts) return "no parts";
  const parsed = parseShape(scanned.name(), scanned.fields());
  if (!parsed.ok) return parsed.reason;
  const { name, type, tags, sampleRate, timestamp, origin } = parsed.value;
  return {
    value: scanned.values(),
    ...{ name, type, tags },
    ...(sampleRate === 1 ? {} : { sampleRate }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...Object.fromEntries(Object.entries(origin).filter(([, value]) => value !== undefined)),
  };
}

describe("a metric line", () => {
  it.each([
    // The examples of Datadog's documentation.
    ["page.views:1|c", { name: "page.views", type: "count", value: "1", tags: [] }],
    ["fuel.level:0.5|g", { name: "fuel.level", type: "gauge", value: "0.5", tags: [] }],
    [
      "song.length:240|h|@0.5",
      { name: "song.length", type: "histogram", value: "240", tags: [], sampleRate: 0.5 },
    ],
    ["users.uniques:1234|s", { name: "users.uniques", type: "set", value: "1234", tags: [] }],
    [
      "users.online:1|c|#country:china",
      { name: "users.online", type: "count", value: "1", tags: ["country:china"] },
    ],
    ["page.views:1:2:32|d", { name: "page.views", type: "distribution", value: "1:2:32", tags: [] }],
    [
      "page.views:1|g|#env:dev|c:83c0a99c0a54c0c187f461c7980e9b57f3f6a8b0c918c8d93df19a9de6f3fe1d",
      {
        ...{ name: "page.views", type: "gauge", value: "1", tags: ["env:dev"] },
        containerId: "83c0a99c0a54c0c187f461c7980e9b57f3f6a8b0c918c8d93df19a9de6f3fe1d",
      },
    ],
    [
      "page.views:15|c|#env:dev|T1656581400",
      { name: "page.views", type: "count", value: "15", tags: ["env:dev"], timestamp: 1_656_581_400 },
    ],
    [
      "a:1|c|c:ci-abc|e:it-false,cn-nginx,pu-uid-1|card:low",
      {
        ...{ name: "a", type: "count", value: "1", tags: [] },
        ...{ containerId: "abc", containerName: "nginx", podUid: "uid-1", cardinality: "low" },
      },
    ],
    ["a:1|c|c:in-42", { name: "a", type: "count", value: "1", tags: [] }],
    ["a:1|ms|#|later:field", { name: "a", type: "histogram", value: "1", tags: [] }],
    ["my-app.größe:1|c", { name: "my_app.gr__e", type: "count", value: "1", tags: [] }],
    // Dialects.
    ["a,k=v,l=w:1|c", { name: "a", type: "count", value: "1", tags: ["k:v", "l:w"] }],
    ["a#k=v:1|c", { name: "a", type: "count", value: "1", tags: ["k:v"] }],
    ["a[k=v:x]b:1|c", { name: "ab", type: "count", value: "1", tags: ["k:v:x"] }],
    ["a:1|c|#path:[0]:x", { name: "a", type: "count", value: "1", tags: ["path:[0]:x"] }],
    ["a[b:1|c", { name: "a_b", type: "count", value: "1", tags: [] }],
    ["a,b:1|c", { name: "a_b", type: "count", value: "1", tags: [] }],
    ["a,k=v:1|c|#x:y", "tags in two dialects"],
    ["a#k=v,l[m=n]:1|c", "tags in two dialects"],
    // What is refused.
    ["", "no parts"],
    ["a", "no parts"],
    ["a:|c", "no parts"],
    [":1|c", "no parts"],
    ["a|1:c", "no parts"],
    ["a:1|x", "unknown metric type"],
    ["a:1|constructor", "unknown metric type"],
    ["a:1|", "unknown metric type"],
    ["123:1|c", "the name has no letter"],
    ["a:1|c|@0", "the sample rate isn't above 0 and at most 1"],
    ["a:1|c|@2", "the sample rate isn't above 0 and at most 1"],
    ["a:1|c|@x", "the sample rate isn't above 0 and at most 1"],
    ["a:1|c|T-5", "the timestamp isn't in whole seconds"],
    ["a:1|h|T1656581400", "only counts and gauges may have a timestamp"],
  ])("%s", (line, expected) => {
    expect(shapeOf(line)).toEqual(expected);
  });

  it("has values that are decimal numbers and finite", () => {
    const texts = [
      "1",
      "-1.5",
      "+2",
      ".5",
      "5.",
      "1e3",
      "1E-3",
      "1e999",
      "NaN",
      "inf",
      "0x10",
      "",
      "1_0",
      " 1",
    ];
    expect(texts.map(metricNumber)).toEqual([
      ...[1, -1.5, 2, 0.5, 5, 1_000, 0.001],
      ...Array.from({ length: 7 }, () => undefined),
    ]);
  });

  it("is read or refused, whatever it is: nothing is thrown", () => {
    const piece = fc.constantFrom(
      "a",
      "1",
      ":",
      "|",
      "#",
      "@",
      "T",
      "c",
      ",",
      "=",
      "[",
      "]",
      "c:",
      "e:",
      "_sc",
      "_e{",
      "\0",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (line) => void shapeOf(line)),
      { numRuns: 300 },
    );
  });
});
