import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeRawMetric, NO_TAGS, NUMBER_TYPES, seconds, type Tags } from "../index.js";
import { Metric } from "./metric-context.js";
import { ClockText, recordText } from "./record-text.js";

const tags: fc.Arbitrary<Tags> = fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }));

test("a record's text says what the codec of the same record says", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...NUMBER_TYPES), number, number, tags, (...fields) => {
      const [metric, type, value, timestamp, given] = fields;
      const context = new Metric(type, metric, NO_TAGS).context(given);
      const text = recordText(context, value, `${timestamp}`);
      const record = { metric, type, value, timestamp: seconds(timestamp), tags: given };
      expect(JSON.parse(text)).toEqual(JSON.parse(encodeRawMetric(record) ?? ""));
    }),
  );
});

test("the clock's text follows the clock", () => {
  const clock = new ClockText();
  expect([1_500, 1_500, 1_501].map((now) => clock.seconds(now))).toEqual(["1.5", "1.5", "1.501"]);
});
