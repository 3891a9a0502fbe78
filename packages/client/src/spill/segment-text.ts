/**
 * The text format of a spill file: for each batch a head line, then a line for each record.
 *
 *   #{"queue":"chouette:metrics:raw"}
 *   1763800000.123 kX3_9aQz1000 {"metric":"m",…}
 *
 * Promises: each record is one line, so a file truncated anywhere loses only the record at that point.
 */
import type { ServerSideId } from "../broker-connection.js";
import { addRow, emptyRows, type Rows } from "../rows.js";

/** For a batch that was being sent when its connection was lost: it was stored if the marker has this sequence. */
export interface Doubt {
  readonly marker: string;
  readonly sequence: string;
  /** The connection that carried it, which must be ended before the marker is read. */
  readonly carrier: ServerSideId;
}

export interface SpilledBatch {
  readonly rows: Rows;
  readonly doubt: Doubt | undefined;
}

export interface ParsedSegment {
  readonly batches: readonly SpilledBatch[];
  /** Number of truncated or invalid lines. */
  readonly torn: number;
}

interface Head {
  readonly queue: string;
  readonly doubt?: Doubt;
}

/** The text of a batch. */
export function batchText({ queue, scores, ids, values }: Rows, doubt?: Doubt): string {
  let text = `#${JSON.stringify({ queue, doubt })}\n`;
  for (let row = 0; row < ids.length; row++) text += `${scores[row]} ${ids[row]} ${values[row]}\n`;
  return text;
}

/** Parses a file. Never throws: invalid lines are counted. */
export function parseSegment(text: string): ParsedSegment {
  const batches: SpilledBatch[] = [];
  const lines = text.split("\n");
  // Whole lines end in a line break: anything after the last one was cut off.
  let torn = lines.pop() === "" ? 0 : 1;
  let rows: Rows | undefined;
  for (const line of lines) {
    if (line.startsWith("#")) {
      const head = parseHead(line);
      rows = head && emptyRows(head.queue);
      if (head === undefined || rows === undefined) torn++;
      else batches.push({ rows, doubt: head.doubt });
      continue;
    }
    // `s`, since JSON doesn't escape U+2028 and U+2029, which a dot doesn't match otherwise.
    const [, score, id, value] = /^(\S+) (\S+) (\{.*\})$/s.exec(line) ?? [];
    if (rows === undefined || score === undefined || id === undefined || value === undefined) torn++;
    else addRow(rows, score, id, value);
  }
  return { batches: batches.filter(({ rows: { ids } }) => ids.length > 0), torn };
}

function parseHead(line: string): Head | undefined {
  try {
    const head: unknown = JSON.parse(line.slice(1));
    return isHead(head) ? head : undefined;
  } catch {
    return undefined;
  }
}

function isHead(head: unknown): head is Head {
  return typeof head === "object" && head !== null && "queue" in head && typeof head.queue === "string";
}
