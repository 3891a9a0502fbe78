/**
 * Records in the form in which they are sent to the broker and written to the spill.
 *
 * Three lists of the same length rather than a list of objects, which would be 500 objects for each batch.
 */
export interface Rows {
  readonly queue: string;
  /** Seconds since the epoch, as text. */
  readonly scores: string[];
  /** Unique within the queue. */
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
