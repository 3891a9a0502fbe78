import { expect, it } from "vitest";
import { decodeReadySketch, encodeReadySketch } from "./ready-sketch.js";
import { addToSketch, newSketch, toPlainSketch } from "./sketch.js";
import { seconds } from "./time.js";

const sketch = newSketch();
for (const value of [1, 2, 2]) addToSketch(sketch, value);
const point = [5, toPlainSketch(sketch)];
const plain = { metric: "m", tags: ["a:b"], points: [point], host: "h" };
const decoded = (fields: object) => decodeReadySketch(JSON.stringify({ ...plain, ...fields }));

it("a ready sketch is read as it was written, with or without a host", () => {
  const ready = { metric: "m", tags: ["a:b"], at: seconds(5.5), sketch };
  for (const written of [ready, { ...ready, host: "h" }])
    expect(decodeReadySketch(encodeReadySketch(written))).toEqual({ ok: true, value: written });
  expect(decoded({ host: "" })).toEqual({ ok: true, value: { ...ready, at: 5 } });
  expect(decoded({ host: 5 })).toEqual({ ok: true, value: { ...ready, at: 5 } });
});

it.each([
  ["metric", ["", 5, undefined]],
  ["tags", [undefined, null, "a:b", [5]]],
  [
    "points",
    [
      undefined,
      {},
      [],
      [5],
      [[5]],
      [point, point],
      [["5", point[1]]],
      [[-1, point[1]]],
      [[9e12, point[1]]],
      [[5, { ...toPlainSketch(sketch), count: 4 }]],
      [[5, toPlainSketch(newSketch())]],
    ],
  ],
])("without its %s it is refused with a reason", (name, wrong) => {
  for (const value of wrong)
    expect(decoded({ [name]: value })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(`^${name} should be`),
    });
});
