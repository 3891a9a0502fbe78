/**
 * A moved record: it has another id and position, and another time in its text.
 *
 * It needs a new id because ids of ready metrics are formed from their window: the old one may be used again for records
 * of that time. The new id also shows that the record was moved, and by which shift.
 */
import { createHash } from "node:crypto";
import type { NewRecord, StoredRecord } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import type { ClockShift } from "./clock-shift.js";
import { replaceField } from "./json-field.js";

/** Longest id that is kept, in UTF-16 units, so that ids of records moved several times don't grow without limit. */
const MAX_ID = 200;

/** Deterministic: the same id and shift give the same result. */
export function shiftedId(id: string, { id: shift }: Pick<ClockShift, "id">): string {
  // An id may be any bytes, and so a string with lone surrogates: UTF-16 keeps them apart.
  const bounded =
    id.length <= MAX_ID ? id : createHash("sha256").update(Buffer.from(id, "utf16le")).digest("hex");
  return `${bounded}~${shift}`;
}

export function isShifted(id: string, { id: shift }: ClockShift): boolean {
  return id.endsWith(`~${shift}`);
}

/** Undefined if the record has no value, or one too large to be fetched. An unreadable text is moved unchanged. */
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

/** A field that has a record's time. `shift` returns its new value, or undefined if the value isn't a time. */
export interface TimeField {
  readonly name: string;
  shift(value: unknown, by: Seconds): unknown;
}

/** Of raw metrics and checks. Some clients write it as a string. */
export const TIMESTAMP: TimeField = {
  name: "timestamp",
  shift: (value, by) => {
    const time = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    return typeof time === "number" && Number.isFinite(time) ? time + by : undefined;
  },
};

/** Of events. */
export const DATE_HAPPENED: TimeField = { ...TIMESTAMP, name: "date_happened" };

/** Of ready metrics and sketches. */
export const POINTS: TimeField = {
  name: "points",
  shift: (value, by) => (Array.isArray(value) ? value.map((point) => shiftedPoint(point, by)) : undefined),
};

/** Of logs. */
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
