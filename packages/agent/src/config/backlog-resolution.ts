/** BACKLOG_RESOLUTION: from which age on a backlog has which resolution. */
import { z } from "zod";
import type { Kind } from "./kinds.js";

/** What is older than `age` has one point for each `step`. Both in seconds. */
export interface BacklogResolution {
  readonly age: number;
  readonly step: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const ITEM = /^(\d{1,9})([smhd]):(\d{1,5})$/;
const MAX_STEP = UNITS.d ?? 0;

/** In order of age: what is older has a longer step. */
export function backlogResolution(): Kind<readonly BacklogResolution[]> {
  return {
    expected:
      "ages and seconds, both rising, such as 1h:60,6h:300: points older than 1 h at 60 s, older than 6 h at 300 s",
    schema: z
      .string()
      .trim()
      .transform((value, context) => {
        const items = value.split(",").map((item) => readItem(item.trim()));
        const read = items.filter((item) => item !== undefined);
        if (read.length === items.length && isRising(read)) return read;
        context.addIssue("not ages and seconds");
        return z.NEVER;
      }),
  };
}

function readItem(text: string): BacklogResolution | undefined {
  const [, amount = "", unit = "", seconds = ""] = ITEM.exec(text) ?? [];
  const [age, step] = [Number(amount) * (UNITS[unit] ?? 0), Number(seconds)];
  return age >= 60 && step >= 1 && step <= MAX_STEP ? { age, step } : undefined;
}

function isRising(items: readonly BacklogResolution[]): boolean {
  return items.every((item, index) => {
    const before = items[index - 1];
    return before === undefined || (item.age > before.age && item.step > before.step);
  });
}
