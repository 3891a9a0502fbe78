import { seconds } from "@chouette-iot/record";
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
