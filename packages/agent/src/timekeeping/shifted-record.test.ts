import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DATE,
  isShifted,
  POINTS,
  shiftedId,
  shiftedRecord,
  TIMESTAMP,
  type TimeField,
} from "./shifted-record.js";

const HOUR = seconds(3_600);
const shift = { id: "5h1f7", from: seconds(0), to: seconds(1_000), by: HOUR, staying: [] };
const at = { score: 12.5, id: "an-id" };

function shifted(record: unknown, field: TimeField, by = HOUR): unknown {
  const value = typeof record === "string" ? record : JSON.stringify(record);
  const moved = shiftedRecord({ ...at, value }, { ...shift, by }, field);
  expect(moved).toMatchObject({ score: at.score + by, id: "an-id~5h1f7" });
  return moved?.value === value ? "as it was" : JSON.parse(moved?.value ?? "");
}

describe("a record that is moved", () => {
  it("says its new time where a raw metric says it, and nothing else is changed", () => {
    const record = { metric: "m", type: "count", value: 1, timestamp: 12.5, tags: { a: "b" } };
    expect(shifted(record, TIMESTAMP)).toEqual({ ...record, timestamp: 3_612.5 });
    expect(shifted({ ...record, timestamp: "12.5" }, TIMESTAMP)).toEqual({
      ...record,
      timestamp: 3_612.5,
    });
  });

  it("says its new time at each of a ready metric's points", () => {
    const record = {
      metric: "m",
      type: "gauge",
      tags: [],
      points: [
        [10, 1],
        [20, 2.5],
      ],
      timestamp: 7,
    };
    expect(shifted(record, POINTS)).toEqual({
      ...record,
      points: [
        [3_610, 1],
        [3_620, 2.5],
      ],
    });
  });

  it("says its new time in a log's date, later or earlier, whatever its offset", () => {
    const log = { message: { msg: "m" }, timestamp: 7, points: [[1, 2]] };
    const moved = { ...log, date: "1970-01-01T01:00:12.500Z" };
    expect(shifted({ ...log, date: "1970-01-01T00:00:12.5Z" }, DATE)).toEqual(moved);
    expect(shifted({ ...log, date: "1970-01-01T02:00:12.500000+02:00" }, DATE)).toEqual(moved);
    expect(shifted({ ...log, date: "1970-01-01T02:00:12.5Z" }, DATE, seconds(-3_600))).toEqual(moved);
  });

  it.each([
    ["a timestamp that is no time", { timestamp: "soon" }, TIMESTAMP],
    ["an empty timestamp", { timestamp: " " }, TIMESTAMP],
    ["a timestamp beyond all numbers", '{"timestamp":1e999}', TIMESTAMP],
    ["no timestamp", { date: "1970-01-01T00:00:00Z", points: [[1, 1]] }, TIMESTAMP],
    ["points that are none", { points: 7 }, POINTS],
    ["a date that is none", { date: "yesterday" }, DATE],
    ["a date beyond all dates", { date: "+275760-09-13T00:00:00Z" }, DATE],
    ["a date as a number", { date: 7 }, DATE],
    ["no object", "[1]", TIMESTAMP],
    ["null", "null", DATE],
    ["no JSON", "{", POINTS],
  ])("is moved as it is, with %s", (_, record, field) => {
    expect(shifted(record, field)).toBe("as it was");
  });

  it("keeps points that are none beside those that are", () => {
    expect(shifted({ points: [null, ["1", 2], [1, 2]] }, POINTS)).toEqual({
      points: [null, ["1", 2], [3_601, 2]],
    });
  });

  it("stays where it is if it has no value", () => {
    expect(shiftedRecord({ ...at, value: undefined }, shift, DATE)).toBeUndefined();
  });

  it("has an id of bounded length that no other record has, and that says that it was moved", () => {
    const id = fc.string({ unit: "binary", maxLength: 300 });
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(shiftedId(one, shift) === shiftedId(other, shift)).toBe(one === other);
        expect(shiftedId(one, shift).length).toBeLessThan(220);
        expect(isShifted(shiftedId(one, shift), shift)).toBe(true);
        expect(isShifted(shiftedId(one, { ...shift, id: "another" }), shift)).toBe(false);
        expect(isShifted(one, shift)).toBe(false);
      }),
    );
    const long = "x".repeat(201);
    expect(shiftedId(`${long}\udc80`, shift)).not.toBe(shiftedId(`${long}\udc81`, shift));
    expect(shiftedId("collect.ab.1", shift)).toMatch(/^collect\./);
  });
});
