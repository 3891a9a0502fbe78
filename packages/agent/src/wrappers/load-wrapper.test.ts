/** A wrapper of the user's: how it is found, and that its result is checked and used whole. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addToSketch, newSketch, seconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../tests/support/folders.js";
import { addRecord, newContext } from "../aggregation/context.js";
import { loadWrapper } from "./load-wrapper.js";

const AT = seconds(1_800_000_000);
const OPTIONS = { histogramAggregates: [], histogramPercentiles: [] };
const METRIC = { metric: "m", type: "gauge", tags: ["a:b"], points: [[AT, 1]] };

const cleanUps = cleanUpsAfterEach();
let folder: string;
beforeEach(async () => {
  const made = await newFolder();
  cleanUps.push(made.remove);
  folder = made.path;
});

function contextOf(...samples: readonly (number | readonly [number, number])[]) {
  const context = newContext({ metric: "m", type: "histogram", tags: [] });
  const series = { metric: "m", tags: [], key: "histogram m ", timestamp: AT };
  for (const sample of samples) {
    const value = typeof sample === "number" ? sample : [sample];
    addRecord(context, { ...series, type: "histogram", value });
  }
  return context;
}

/** What a module with this text makes of a context. */
async function wrapped(text: string, name = "wrapper.mjs", context = contextOf(1, 2)) {
  const path = join(folder, name);
  await writeFile(path, text);
  const wrap = await loadWrapper(path, OPTIONS);
  return wrap(context, AT, seconds(10));
}

const returning = (result: string) => `export const wrap = () => (${result})`;
const withMetrics = (metrics: unknown, more = "") =>
  returning(`{ ok: true, metrics: ${JSON.stringify(metrics)}${more} }`);

describe("its result", () => {
  it("is used whole: metrics, and sketches", async () => {
    const sketch = newSketch();
    for (const value of [1, 2, 3]) addToSketch(sketch, value);
    const { bins, ...others } = sketch;
    const own = `{ metric: "s", tags: ["a:b"], at: ${AT}, sketch: { ...${JSON.stringify(others)}, bins: new Map(${JSON.stringify([...bins])}) } }`;
    const result = await wrapped(withMetrics([METRIC], `, sketches: [${own}, ${own}]`));
    const expected = { metric: "s", tags: ["a:b"], at: AT, sketch };
    expect(result).toEqual({ ok: true, metrics: [METRIC], sketches: [expected, expected] });
  });

  it.each([
    ["metrics alone", withMetrics([METRIC]), { ok: true, metrics: [METRIC] }],
    ["nothing", withMetrics([]), { ok: true, metrics: [] }],
    ["a reason", returning('{ ok: false, reason: "no use" }'), { ok: false, reason: "no use" }],
    ["no reason", returning("{ ok: false }"), { ok: false, reason: "the wrapper gave no reason" }],
  ])("may be %s", async (_, text, expected) => {
    expect(await wrapped(text)).toEqual(expected);
  });

  it.each([
    ["a promise", "export const wrap = async () => { throw new Error('late') }", /a promise/],
    ["undefined", returning("undefined"), /neither metrics nor a reason/],
    ["metrics that are no list", returning("{ ok: true, metrics: {} }"), /neither metrics nor a reason/],
    ["an invalid metric", withMetrics([METRIC, { metric: 1 }]), /an invalid metric/],
    [
      "NaN",
      returning(`{ ok: true, metrics: [{ ...${JSON.stringify(METRIC)}, points: [[1, NaN]] }] }`),
      /an invalid metric/,
    ],
    ["an invalid sketch", withMetrics([METRIC], ", sketches: [{}]"), /an invalid sketch/],
    ["sketches that are no list", withMetrics([METRIC], ", sketches: {}"), /an invalid sketch/],
  ])("that is %s makes a dead letter with a reason", async (_, text, reason) => {
    const result = await wrapped(text);
    expect(result).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

it("has weights as repeated samples", async () => {
  const text =
    "export const wrap = ({ sum }) => ({ ok: false, reason: [sum.samples, sum.weighted.length].join(' ') })";
  expect(await wrapped(text, "wrapper.mjs", contextOf(4, [5, 3], [7, 2]))).toEqual({
    ok: false,
    reason: "4,5,5,5,7,7 0",
  });
});

it("may be CommonJS; without a function of this name, or a file, the error says so", async () => {
  const common = `module.exports = { wrap: ${"() => ({ ok: false, reason: 'common' })"} }`;
  expect(await wrapped(common, "wrapper.cjs")).toEqual({ ok: false, reason: "common" });
  await expect(wrapped("export const other = 1", "other.mjs")).rejects.toThrow(
    /^METRICS_WRAPPER: .*other.mjs exports no function named wrap$/,
  );
  await expect(loadWrapper(join(folder, "missing.mjs"), OPTIONS)).rejects.toThrow(
    /^METRICS_WRAPPER: expected datadog, simple, or a module, but .*missing.mjs can't be loaded/,
  );
});
