/** How the store's file is laid out: its name, its tables, and what each holds. */

export const FILE_NAME = "chouette.mdb";

/** Three tables a queue, and LMDB keeps room for each whether it is used or not. */
export const MOST_TABLES = 192;

export const NOTES_TABLE = "notes";
export const COUNTERS_TABLE = "counters";

/** Before the queue's name: records in their order, scores of ids that have no value yet, values without a score. */
export const RECORDS_PREFIX = "records:";
export const UNPAIRED_PREFIX = "unpaired:";
export const STRAYS_PREFIX = "strays:";

/** In LMDB's words, what a table's values are. */
export function valueEncoding(table: string): "string" | "json" | "ordered-binary" {
  if (table === COUNTERS_TABLE) return "json";
  return table.startsWith(UNPAIRED_PREFIX) ? "ordered-binary" : "string";
}
