import { type KeyedMetric, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { addRecord, newContext } from "./context.js";
import { restoreContexts, saveContexts, shiftContexts } from "./saved-contexts.js";

it("contexts of a time that is moved have gauges of the new time and the new ids, and the same sums", () => {
  const gauge = newContext({ metric: "g", type: "gauge", tags: ["a:b"] });
  addRecord(gauge, { metric: "g", tags: ["a:b"], key: "", type: "gauge", value: 7, timestamp: seconds(15) });
  const set = newContext({ metric: "s", type: "set", tags: [] });
  addRecord(set, { metric: "s", tags: [], key: "", type: "set", value: [9n ** 20n], timestamp: seconds(15) });
  const untouched = newContext({ metric: "g2", type: "gauge", tags: [] });
  const contexts = [gauge, set, untouched];
  const text = saveContexts(contexts.map((context, index) => ({ context, readyIds: [`id${index}`] })));
  const shifted = restoreContexts(
    shiftContexts(text, seconds(-3_600), (id) => `${id}~x`),
    [],
  );
  expect(shifted).toEqual({
    ok: true,
    value: [
      { context: { ...gauge, sum: { ...gauge.sum, at: -3_585 } }, readyIds: ["id0~x"] },
      { context: set, readyIds: ["id1~x"] },
      { context: untouched, readyIds: ["id2~x"] },
    ],
  });
});

it("contexts that earlier versions saved, without weights and with a distribution's samples, are as if saved now", () => {
  const contexts = (["histogram", "distribution"] as const).map((type) => {
    const context = newContext({ metric: "m", type, tags: ["a:b"] });
    for (const value of [1, 2.5, -3])
      addRecord(context, { metric: "m", tags: ["a:b"], key: "", type, value, timestamp: seconds(15) });
    return context;
  });
  const samples = contexts.map((context) => ({
    context: { ...context, sum: { samples: [1, 2.5, -3] } },
    readyIds: [],
  }));
  expect(restoreContexts(JSON.stringify(samples), [])).toEqual({
    ok: true,
    value: contexts.map((context) => ({ context, readyIds: [] })),
  });
  const damaged = samples.map(({ context }) => ({
    context: { ...context, sum: { samples: [1, null] } },
    readyIds: [],
  }));
  for (const one of damaged)
    expect(restoreContexts(JSON.stringify([one]), [])).toEqual({
      ok: false,
      reason: "a sum in it isn't whole",
    });
});

/** Records of any type. Sums of sets and histograms grow, those of gauges contain times. */
const TYPES = ["count", "gauge", "rate", "set", "histogram", "distribution"] as const;
const number = fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0);
const elements = fc.array(fc.oneof(number, fc.string(), fc.bigInt({ min: 2n ** 60n, max: 2n ** 70n })), {
  maxLength: 4,
});

function contextOf(type: (typeof TYPES)[number], numbers: readonly number[], sets: readonly unknown[][]) {
  const context = newContext({ metric: "m", type, tags: ["a:b"] });
  const values: readonly unknown[] = type === "set" ? sets : numbers;
  for (const [index, value] of values.entries()) {
    const record = { metric: "m", tags: ["a:b"], key: "", type, value, timestamp: seconds(10 + index) };
    addRecord(context, record as KeyedMetric);
  }
  return context;
}

it("contexts of any type and content are the same after they are saved and restored", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...TYPES),
      fc.array(number, { maxLength: 5 }),
      fc.array(elements, { maxLength: 5 }),
      fc.array(fc.string(), { maxLength: 2 }),
      (type, numbers, sets, readyIds) => {
        const saved = [{ context: contextOf(type, numbers, sets), readyIds }];
        expect(restoreContexts(saveContexts(saved), ["not:added"])).toEqual({ ok: true, value: saved });
      },
    ),
  );
});

it.each(TYPES)("a context with a field that is no such sum isn't restored: %s", (type) => {
  const context = contextOf(type, [1, 2.5], [["a"]]);
  const restore = (sum: object) =>
    restoreContexts(JSON.stringify([{ context: { ...context, sum }, readyIds: [] }]), []);
  const sum: Readonly<Record<string, unknown>> = JSON.parse(saveContexts([{ context, readyIds: [] }]))[0]
    .context.sum;
  expect(restore(sum)).toMatchObject({ ok: true });
  for (const field of Object.keys(sum)) {
    for (const wrong of ["text", {}, true]) {
      expect(restore({ ...sum, [field]: wrong })).toEqual({ ok: false, reason: "a sum in it isn't whole" });
    }
    if (Array.isArray(sum[field]) && type !== "set")
      expect(restore({ ...sum, [field]: [1, "text"] })).toMatchObject({ ok: false });
    else if (!Array.isArray(sum[field]))
      expect(restore({ ...sum, [field]: [1] })).toMatchObject({ ok: false });
  }
});

it("nothing that was saved is no context, and what is no text of contexts has a reason", () => {
  expect(restoreContexts(undefined, [])).toEqual({ ok: true, value: [] });
  for (const text of ["", "{}", "7", "[7]", "[{}]", '[{"context":{}}]', "null"])
    expect(restoreContexts(text, [])).toEqual({ ok: false, reason: expect.any(String) });
  // It becomes a dead letter later, as it is.
  expect(shiftContexts("not contexts", seconds(5), (id) => id)).toBe("not contexts");
});

it("tags and names of an earlier version are normalized and completed, and truth values of sets are numbers", () => {
  const text = (tags: unknown) =>
    `[{"context":{"metric":"my-app","type":"set","tags":${JSON.stringify(tags)},"sum":{"elements":[true,false,{"digits":"12345678901234567890"}]}},"readyIds":[]}]`;
  const restored = (tags: unknown) => {
    const result = restoreContexts(text(tags), ["Env:Live"]);
    if (!result.ok) return result.reason;
    return result.value.map((saved) => [saved.context.metric, saved.context.tags, saved.context.sum]);
  };
  const sum = { elements: new Set<unknown>([1, 0, 12_345_678_901_234_567_890n]) };
  expect(restored({ B: "c" })).toEqual([["my_app", ["b:c", "env:live"], sum]]);
  expect(restored(["b:c"])).toEqual([["my_app", ["b:c"], sum]]);
});
