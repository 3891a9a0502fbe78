/**
 * Records on their way to the broker: what a batch becomes when it is sent, and what a spill file holds.
 *
 * Three lists of one length, not a list of objects: a batch has 500 records, and V8 would have to keep 500 objects.
 */
export interface Rows {
  readonly queue: string;
  /** Unix time in seconds, as text. */
  readonly scores: string[];
  /** Unique in the queue. */
  readonly ids: string[];
  /** JSON. */
  readonly values: string[];
}

export function emptyRows(queue: string): Rows {
  return { queue, scores: [], ids: [], values: [] };
}

export function addRow(rows: Rows, score: string, id: string, value: string): void {
  rows.scores.push(score);
  rows.ids.push(id);
  rows.values.push(value);
}
