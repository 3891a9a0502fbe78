/**
 * A record whose time is moved: under another id, at another position, and saying so itself.
 *
 * The id is another one because ids of ready metrics are formed from their window: the old one may be used again for
 * what belongs to that time. It also says that the record was moved, and by which shift.
 */
import { createHash } from "node:crypto";
import type { NewRecord, StoredRecord } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import type { ClockShift } from "./clock-shift.js";
import { replaceField } from "./json-field.js";

/** Records moved several times keep an id of bounded length, in UTF-16 units. */
const MAX_ID = 200;

/** The same for the same id and shift. */
export function shiftedId(id: string, { id: shift }: Pick<ClockShift, "id">): string {
  // UTF-16, since ids of any bytes are strings with lone surrogates.
  const bounded =
    id.length <= MAX_ID ? id : createHash("sha256").update(Buffer.from(id, "utf16le")).digest("hex");
  return `${bounded}~${shift}`;
}

export function isShifted(id: string, { id: shift }: ClockShift): boolean {
  return id.endsWith(`~${shift}`);
}

/** Undefined if the record has no value, or one too large to be fetched. One that can't be read is moved as it is. */
export function shiftedRecord(
  { score, id, value }: StoredRecord,
  shift: ClockShift,
  field: TimeField,
): NewRecord | undefined {
  if (value === undefined) return undefined;
  return {
    score: score + shift.by,
    id: shiftedId(id, shift),
    value: shiftedText(value, shift.by, field),
  };
}

/** The field of a record that has its time, and what becomes of its value; undefined if that is no time. */
export interface TimeField {
  readonly name: string;
  shift(value: unknown, by: Seconds): unknown;
}

/** Raw metrics have a timestamp, which some clients write as text. */
export const TIMESTAMP: TimeField = {
  name: "timestamp",
  shift: (value, by) => {
    const time = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    return typeof time === "number" && Number.isFinite(time) ? time + by : undefined;
  },
};

/** Events have their time under another name. */
export const DATE_HAPPENED: TimeField = { ...TIMESTAMP, name: "date_happened" };

/** Ready metrics and sketches have points. */
export const POINTS: TimeField = {
  name: "points",
  shift: (value, by) => (Array.isArray(value) ? value.map((point) => shiftedPoint(point, by)) : undefined),
};

/** Logs have a date. */
export const DATE: TimeField = {
  name: "date",
  shift: (value, by) => {
    const shifted = new Date(typeof value === "string" ? Date.parse(value) + by * 1000 : Number.NaN);
    return Number.isNaN(shifted.getTime()) ? undefined : shifted.toISOString();
  },
};

function shiftedPoint(point: unknown, by: Seconds): unknown {
  return Array.isArray(point) && typeof point[0] === "number" ? [point[0] + by, ...point.slice(1)] : point;
}

function shiftedText(text: string, by: Seconds, { name, shift }: TimeField): string {
  return replaceField(text, name, (value) => {
    try {
      return JSON.stringify(shift(JSON.parse(value), by));
    } catch {
      return undefined;
    }
  });
}
