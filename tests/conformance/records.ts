/** Queues and records for the conformance suite. */
import type { NewRecord } from "@chouette-iot/queue";

export const QUEUE = "chouette:metrics:raw";
export const OTHER = "chouette:metrics:wrapped";

export function record(score: number, id: string, value = `{"id":${JSON.stringify(id)}}`): NewRecord {
  return { score, id, value };
}

/** Numbered records in order; the score is the number by default. */
export function numbered(
  count: number,
  { from = 0, score = (index: number) => index }: { from?: number; score?: (index: number) => number } = {},
): readonly NewRecord[] {
  return Array.from({ length: count }, (_, index) =>
    record(score(from + index), `id-${`${from + index}`.padStart(6, "0")}`),
  );
}
