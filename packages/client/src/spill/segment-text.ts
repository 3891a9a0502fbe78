/**
 * What a spill file holds, as text: for each batch a head line, then a line for each record.
 *
 *   #{"queue":"chouette:metrics:raw"}
 *   1763800000.123 kX3_9aQz1000 {"metric":"m",…}
 *
 * Promises: a record is a line, so that a file cut off anywhere costs the one record that it was cut in.
 */
import { type AppendCommands, addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import type { Peer } from "../link.js";

/** A batch that was under way when its connection ended: it is stored if the marker has this sequence. */
export interface Doubt {
  readonly marker: string;
  readonly sequence: string;
  /** The connection that carried it, to be ended before the marker is read. */
  readonly carrier?: Peer;
}

export interface SpilledBatch {
  readonly commands: AppendCommands;
  readonly records: number;
  readonly doubt?: Doubt;
}

export interface ParsedSegment {
  readonly batches: readonly SpilledBatch[];
  /** Lines that were cut off or make no sense. */
  readonly torn: number;
}

interface Head {
  readonly queue: string;
  readonly doubt?: Doubt;
}

export function batchText(queue: string, [addKeys, addValues]: AppendCommands, doubt?: Doubt): string {
  let text = `#${JSON.stringify({ queue, ...(doubt === undefined ? {} : { doubt }) })}\n`;
  // After command and key: score and id in the one, id and value in the other.
  for (let index = 2; index < addKeys.length; index += 2)
    text += `${addKeys[index]} ${addKeys[index + 1]} ${addValues[index + 1]}\n`;
  return text;
}

export function parseSegment(text: string): ParsedSegment {
  const batches: SpilledBatch[] = [];
  const lines = text.split("\n");
  // Whole lines end in a line break: what stands after the last one was cut off.
  let torn = lines.pop() === "" ? 0 : 1;
  let open: { head: Head; commands: AppendCommands; records: number } | undefined;
  const close = () => {
    if (open === undefined || open.records === 0) return;
    const { head, commands, records } = open;
    batches.push({ commands, records, ...(head.doubt === undefined ? {} : { doubt: head.doubt }) });
  };
  for (const line of lines) {
    if (line.startsWith("#")) {
      close();
      const head = parseHead(line);
      open = head === undefined ? undefined : { head, commands: emptyAppend(head.queue), records: 0 };
      if (head === undefined) torn++;
      continue;
    }
    // `s`, since JSON leaves U+2028 and U+2029 as they are, which a dot takes for line ends.
    const [, score, id, value] = /^(\S+) (\S+) (\{.*\})$/s.exec(line) ?? [];
    if (open === undefined || score === undefined || id === undefined || value === undefined) torn++;
    else {
      addToAppend(open.commands, score, id, value);
      open.records++;
    }
  }
  close();
  return { batches, torn };
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
