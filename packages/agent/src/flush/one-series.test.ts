/** What is one series to Datadog is one value for each second, or a dead letter: whatever raw records come. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, type ReadyMetric, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newFlusher } from "../../../../tests/support/flushing.js";
import { groupSeries } from "../outputs/series.js";
import { Windows } from "../runtime/windows.js";
import { datadogWrapper } from "../wrappers/datadog-wrapper.js";
import { simpleWrapper } from "../wrappers/simple-wrapper.js";
import type { Wrap } from "../wrappers/wrapper.js";

const queues = queueNames();
const datadog = datadogWrapper({ histogramAggregates: ["max", "count"], histogramPercentiles: [] });

interface Raw {
  readonly metric: string;
  readonly type: string;
  readonly value: unknown;
  readonly tags?: unknown;
  readonly timestamp?: number;
}

interface Setup {
  readonly wrap?: Wrap;
  readonly globalTags?: readonly string[];
  /** The window's length in seconds. */
  readonly interval?: number;
}

function setUp({ wrap = datadog, globalTags = [], interval = 10 }: Setup = {}) {
  const store = new MemoryStore();
  const clock = {
    now: () => milliseconds(1_030_000),
    monotonic: () => milliseconds(0),
    sleep: async () => {},
  };
  let ids = 0;
  return {
    put: async (...raw: readonly Raw[]) => {
      for (const { timestamp = 1000, ...fields } of raw) {
        const value = JSON.stringify({ ...fields, timestamp });
        await store.append(queues.rawMetrics, [{ id: `id${ids++}`, score: timestamp, value }]);
      }
    },
    flush: () =>
      newFlusher({
        store,
        clock,
        wrap,
        globalTags,
        windows: new Windows(seconds(interval), seconds(2)),
      }).flush(),
    ready: async (): Promise<readonly ReadyMetric[]> => {
      const records = await store.read(queues.readyMetrics, { limit: 100_000 });
      return records.map(({ value }) => {
        const decoded = decodeReadyMetric(value ?? "");
        if (!decoded.ok) throw new Error(decoded.reason);
        return decoded.value;
      });
    },
    deadLetters: async () => {
      const records = await store.read(queues.rejected, { limit: 100_000 });
      return records.map(({ value }) => {
        const { reason, value: stored } = JSON.parse(value ?? "");
        return { reason, record: JSON.parse(stored) };
      });
    },
  };
}

const count = (metric: string, tags: unknown, value = 1): Raw => ({ metric, type: "count", value, tags });

describe("raw records of one series to Datadog", () => {
  it.each([
    ["a name", count("my-app.requests", {}), count("my_app.requests", {})],
    ["a name that begins with digits", count("1st.requests", {}), count("st.requests", {})],
    ["the case of tags", count("m", { Env: "PROD" }), count("m", { env: "prod" })],
    ["characters of tags", count("m", { "release tag": "v 1" }), count("m", { release_tag: "v_1" })],
    ["where a tag's name ends", count("m", { "a:b": "c" }), count("m", { a: "b:c" })],
    ["a tag without a value", count("m", { a: "" }), count("m", { "a:": ":" })],
    ["an empty list of tags", count("m", []), count("m", {})],
    ["a global tag", count("m", { site: "hall 1" }), count("m", { Site: "HALL_1" })],
  ])("add up, though they differ in %s", async (_, one, other) => {
    const { put, flush, ready, deadLetters } = setUp({ globalTags: ["site:hall_1"] });
    await put(one, other);
    await flush();
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 2]]]);
    expect(await deadLetters()).toEqual([]);
  });

  it("add up, whether a program gives the global tags itself or not", async () => {
    const { put, flush, ready } = setUp({ globalTags: ["Env:Live"] });
    await put(count("m", { env: "live" }, 100), count("m", {}, 100));
    await flush();
    const expected = { metric: "m", type: "count", tags: ["env:live"], points: [[1000, 200]], interval: 10 };
    expect(await ready()).toEqual([expected]);
    expect(groupSeries(await ready())).toEqual([expected]);
  });

  it.each([
    [
      "a set and a count",
      datadog,
      { metric: "m", type: "count", value: 7 },
      { metric: "m", type: "set", value: ["a"] },
    ],
    [
      "a count and a gauge",
      datadog,
      { metric: "m", type: "count", value: 7 },
      { metric: "m", type: "gauge", value: 3 },
    ],
    [
      "a gauge and a histogram's maximum",
      datadog,
      { metric: "m.max", type: "gauge", value: 7 },
      { metric: "m", type: "histogram", value: 3 },
    ],
    [
      "a count and a gauge's number of samples",
      simpleWrapper,
      { metric: "m.count", type: "count", value: 7 },
      { metric: "m", type: "gauge", value: 3 },
    ],
  ])("keep the value that came first: %s", async (_, wrap, first, second) => {
    for (const [kept, refused] of [
      [first, second],
      [second, first],
    ] as const) {
      const { put, flush, ready, deadLetters } = setUp({ wrap });
      await put({ ...kept, tags: {} }, { ...refused, tags: {} });
      await flush();
      const alone = setUp({ wrap });
      await alone.put({ ...kept, tags: {} });
      await alone.flush();
      expect(await ready()).toEqual(await alone.ready());
      const { tags, timestamp, ...rest } = { tags: {}, timestamp: 1000, ...refused };
      expect(await deadLetters()).toEqual([
        {
          reason: expect.stringMatching(
            `with these tags is sent for the ${kept.type} ${kept.metric} of this window, and Datadog keeps one value`,
          ),
          record: { ...rest, tags, timestamp },
        },
      ]);
    }
  });

  it("have the tags that a wrapper gives them, which may be others for each metric", async () => {
    const wrap: Wrap = ({ metric, tags }, at) => {
      const ready = (name: string, own: readonly string[]) =>
        ({ metric: name, type: "gauge", tags: own, points: [[at, 1]] }) as const;
      return { ok: true, metrics: [ready(metric, tags), ready(metric, ["own:tag"]), ready("other", [])] };
    };
    const { put, flush, ready } = setUp({ wrap });
    await put(count("m", { a: "b" }));
    await flush();
    expect((await ready()).map(({ metric, tags }) => [metric, tags])).toEqual([
      ["m", ["a:b"]],
      ["m", ["own:tag"]],
      ["other", []],
    ]);
  });

  it("keep the value of a last second that is sent again", async () => {
    const { put, flush, ready, deadLetters } = setUp({ interval: 1 });
    await put(count("m", {}, 5));
    await flush();
    await put({ metric: "m", type: "gauge", value: 1, tags: {} }, count("m", {}, 2));
    await flush();
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 7]]]);
    expect((await deadLetters()).map(({ record }) => record.type)).toEqual(["gauge"]);
  });

  it("leave a last second as it was sent if a late part would make it infinite", async () => {
    const { put, flush, ready, deadLetters } = setUp({ interval: 1 });
    for (const value of [1e308, 1.5e308, 3]) {
      await put(count("m", {}, value));
      await flush();
    }
    expect((await ready()).map(({ points }) => points)).toEqual([[[1000, 1e308]]]);
    expect((await deadLetters()).map(({ record }) => record.value)).toEqual([1.5e308]);
  });

  it("never come to two values of one second, whatever names, types and tags they have", async () => {
    const names = fc.constantFrom("m", "m.max", "M-max", "m_max", "m.count", "9m", "m.max.count");
    const types = fc.constantFrom("count", "gauge", "rate", "set", "histogram", "distribution");
    const tags = fc.dictionary(
      fc.constantFrom("a", "A", "a:b", "_a", "env"),
      fc.constantFrom("", "b", "B", "b:c"),
      {
        maxKeys: 2,
      },
    );
    const raw = fc.record({ metric: names, type: types, tags, late: fc.boolean() });
    const setups = fc.record({
      wrap: fc.constantFrom(datadog, simpleWrapper),
      globalTags: fc.constantFrom([], ["env:b"]),
      interval: fc.constantFrom(1, 2, 10),
    });
    await fc.assert(
      fc.asyncProperty(setups, fc.array(raw, { maxLength: 12 }), async (setup, records) => {
        const { put, flush, ready } = setUp(setup);
        for (const { late, ...fields } of records) {
          await put({ ...fields, value: fields.type === "set" ? [1] : 1 });
          if (late) await flush();
        }
        await flush();
        const seconds = (await ready()).map(
          ({ metric, tags: list, points }) => `${metric} ${list} ${points[0]?.[0]}`,
        );
        expect(new Set(seconds).size).toBe(seconds.length);
      }),
      { numRuns: 300 },
    );
  });
});
