import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { decodeRawMetric } from "@chouette-iot/record";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newStatsdCounters, type StatsdCounters } from "./counters.js";
import { MetricIntake, type MetricIntakeOptions } from "./metric-intake.js";
import { Receiver, type TakeMetric } from "./receiver.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const NOON = 1_763_800_000_000;
let counters: StatsdCounters;
let records: { metric: string; type: string; value: unknown; timestamp: number; tags: readonly string[] }[];

// Only the clock is a stand-in: what belongs to which second must not depend on how fast the test runs.
beforeEach(() => {
  vi.useFakeTimers({ now: NOON + 250 });
  counters = newStatsdCounters();
  records = [];
});
afterEach(() => vi.useRealTimers());

function intakeOf(options: Partial<MetricIntakeOptions>): MetricIntake {
  return new MetricIntake({
    counters,
    cardinalityLimit: 100,
    withOrigin: false,
    signedGaugesAreSteps: false,
    store: (_, text) => {
      const decoded = decodeRawMetric(text);
      if (!decoded.ok) throw new Error(`${decoded.reason}: ${text}`);
      records.push(decoded.value);
    },
    ...options,
  });
}

function receiverOf(intake: MetricIntake): Receiver {
  const refuse = () => "unexpected";
  const metric: TakeMetric = (line, now) => intake.take(line, now);
  return new Receiver(counters, { metric, event: refuse, serviceCheck: refuse });
}

function receive(
  packets: readonly (string | Buffer)[],
  options: Partial<MetricIntakeOptions> = {},
): Receiver {
  const intake = intakeOf(options);
  const receiver = receiverOf(intake);
  for (const packet of packets) receiver.receive(Buffer.from(packet));
  intake.flush();
  return receiver;
}

function values(): readonly (readonly [name: string, value: unknown])[] {
  return records.map(({ metric, value }) => [metric, value]);
}

describe("DogStatsD's metric lines", () => {
  it("are joined as the types' rules say", () => {
    receive([
      "c:1|c\nc:2|c\nc:1|c|@0.1\ng:5|g\ng:7|g\nt:0.5|ms\nt:0.5|h\nt:2|h|@0.25\n",
      "s:a|s\ns:b|s\ns:a|s\nc:1:2:3|c\nneg:-5|g",
    ]);
    expect(values()).toEqual([
      ["c", 19],
      ["g", 7],
      [
        "t",
        [
          [0.5, 2],
          [2, 4],
        ],
      ],
      ["s", ["a", "b"]],
      ["neg", -5],
    ]);
    expect(records.map(({ type }) => type)).toEqual(["count", "gauge", "histogram", "set", "gauge"]);
    expect(counters).toMatchObject({ packets: 2, values: 15, aggregated: 10, invalidLines: 0 });
  });

  it("step a gauge with a plus, and with a minus once it was stepped up", () => {
    receive(["g:10|g\ng:+5|g\ng:-3|g\nnegative:4|g\nnegative:-3|g"]);
    expect(values()).toEqual([
      ["g", 12],
      ["negative", -3],
    ]);
    records.length = 0;
    receive(["g:10|g\ng:-3|g"], { signedGaugesAreSteps: true });
    expect(values()).toEqual([["g", 7]]);
  });

  it("step a gauge up to the largest number, and down again", () => {
    receive(["g:+1e308|g\ng:+1e308|g\nlow:+1|g\nlow:-1e308|g\nlow:-1e308|g"]);
    receive(["both:+1e308:+1e308:-1e308|g"]);
    expect(values()).toEqual([
      ["g", Number.MAX_VALUE],
      ["low", -Number.MAX_VALUE],
      ["both", Number.MAX_VALUE - 1e308],
    ]);
  });

  it("keep points with their own time apart", () => {
    receive(["c:1|c|T1700000000\nc:1|c|T1700000001\nc:1|c"]);
    expect(records.map(({ timestamp }) => timestamp)).toEqual([
      1_700_000_000,
      1_700_000_001,
      NOON / 1000 + 0.25,
    ]);
  });

  it("are one series whatever the order and case of their tags, of which one name may have several values", () => {
    receive(["c:1|c|#B:x,a:1,a:2\nc:1|c|#a:2,a:1,b:X"]);
    expect(records).toHaveLength(1);
    expect([...(records[0]?.tags ?? [])].sort()).toEqual(["a:1", "a:2:", "b:x"]);
  });

  it("make tags of their origin only if that is asked for", () => {
    const line = "c:1|c|c:ci-abc|e:cn-web,pu-u1";
    receive([line]);
    receive([line], { withOrigin: true });
    receive([`${line}|card:low`], { withOrigin: true });
    receive([`${line}|card:none`], { withOrigin: true });
    expect(records.map(({ tags }) => tags)).toEqual([
      [],
      ["container_id:abc", "kube_container_name:web", "pod_uid:u1"],
      ["kube_container_name:web"],
      [],
    ]);
  });

  it("are limited in cardinality: further tags overflow, further names are refused", () => {
    const lines = Array.from({ length: 10 }, (_, id) => `c:1|c|#id:${id}`);
    receive([[...lines, "new:1|c", "c:1|c|#id:11"].join("\n")], { cardinalityLimit: 3 });
    expect(records.map(({ tags, value }) => [tags[0], value])).toEqual([
      ["id:0", 1],
      ["id:1", 1],
      ["id:2", 1],
      ["overflow:true", 8],
    ]);
    expect(counters).toMatchObject({ overflowed: 8, refusedLines: 1 });
  });

  it("keep their place beside a program that sends ever new tags", () => {
    const strangers = Array.from(
      { length: 400 },
      (_, number) => `new:1|c|#id:${number},${"x".repeat(60_000)}`,
    );
    const lines = strangers.flatMap((line, number) => (number % 40 === 0 ? ["level:+1|g", line] : [line]));
    receive([lines.join("\n")], { cardinalityLimit: 100_000 });
    expect(values().filter(([name]) => name === "level")).toEqual([["level", 10]]);
  });

  it("are one series, whatever its lines look like, until it is forgotten: it wasn't used while many others were", () => {
    let strangers = 0;
    const generation = (name = "new") =>
      Array.from({ length: 150 }, () => `${name}:1|g|#id:${++strangers},${"x".repeat(60_000)}`);
    const lines = [
      ...["level:+1|g|#a:1,b:2", ...generation(), "level:+1|g|#a:1,b:2", ...generation()],
      ...["level:+1|g|#b:2,a:1", ...generation(), "level:+1|g|#a:1,b:2"],
      ...[...generation("level"), ...generation("level"), "level:+1|g|#b:2,a:1"],
    ];
    const level: unknown[] = [];
    receive(lines, {
      cardinalityLimit: 100_000,
      store: (_, text) => {
        if (text.includes('"a":"1"')) level.push(JSON.parse(text).value);
      },
    });
    expect(level).toEqual([4, 1]);
  });

  it("with their own time aren't remembered, though each has new tags", () => {
    const tags = Array.from({ length: 8 }, (_, number) => `${number}:${"x".repeat(150)}`).join();
    const packets = 5_000;
    const store = () => {};
    receive(["c:1|c|#id:0|T1700000000"], { store });
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const receiver = receiverOf(intakeOf({ store }));
    for (let id = 1; id <= packets; id++)
      receiver.receive(Buffer.from(`c:1|c|#id:${id},${tags}|T1700000000`));
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000);
    expect(counters.values).toBe(packets + 1);
    receiver.receive(Buffer.from("c:1|c"));
  });

  it("survive what is beside them: a bad line costs itself alone, and the last one is kept", () => {
    const good = fc.constantFrom("ok:1|c", "ok:1|c\r");
    const bad = fc.constantFrom(
      "nothing",
      "ok:x|c",
      "ok:1:x|c",
      "ok:1|?",
      ":|",
      "|",
      "_sc",
      "ok:1|c|@9",
      "ok:1e999|c",
      "\0\x1b",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(good, bad)), (lines) => {
        counters = newStatsdCounters();
        records = [];
        const receiver = receive([lines.join("\n")]);
        const taken = lines.filter((line) => line.startsWith("ok:1|c") && !line.includes("@")).length;
        expect(values()).toEqual(taken === 0 ? [] : [["ok", taken]]);
        expect(counters.invalidLines).toBe(lines.length - taken);
        expect(receiver.lastInvalid === undefined).toBe(counters.invalidLines === 0);
      }),
    );
  });

  it("can be anything: every packet is taken, and the records that come of it can be read", () => {
    const piece = fc.constantFrom(
      "a",
      "1",
      ":",
      "|",
      "#",
      "@0.5",
      "|c",
      "|h",
      "|s",
      "|d",
      "|g",
      "+",
      "-",
      "\n",
      "é",
      '"',
      "\0",
    );
    const noise = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join("")));
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(fc.array(fc.oneof(noise, bytes)), (packets) => void receive(packets)),
      { numRuns: 500 },
    );
    receive([Buffer.alloc(65_507, "a"), Buffer.alloc(65_507, "a:1|c\n"), Buffer.alloc(65_507, "#"), ""]);
    receive([`long:1|c|#${"t:v,".repeat(16_000)}`, `${"n".repeat(60_000)}:1|c`]);
  });
});
