/**
 * The keys that the broker knows: `Q.keys` and `Q.values` of each of the agent's own queues, and the markers of
 * clients. There are no others: reading another key finds nothing, and creates nothing; writing to it is refused.
 */
import type { QueueNames } from "@chouette-iot/queue";
import { type Failure, failure } from "./reply.js";

export type KeyKind = "keys" | "values";

export const MARKER_PREFIX = "chouette:client:";
const MARKER_KEY = /^chouette:client:[\w:{}.-]{1,100}$/;

export interface QueueKey {
  readonly queue: string;
  readonly kind: KeyKind;
}

const WRONG_KIND = failure("WRONGTYPE Operation against a key holding the wrong kind of value");

export class QueueKeys {
  readonly #keys = new Map<string, QueueKey>();

  constructor(queues: QueueNames) {
    for (const queue of Object.values<string>({ ...queues })) {
      for (const kind of ["keys", "values"] as const) this.#keys.set(`${queue}.${kind}`, { queue, kind });
    }
  }

  all(): IterableIterator<[string, QueueKey]> {
    return this.#keys.entries();
  }

  find(key: string): QueueKey | undefined {
    return this.#keys.get(key);
  }

  /** The queue that a command reads by this key; undefined if it is not the broker's, or why it can't be read so. */
  toRead(key: string, kind: KeyKind): string | undefined | Failure {
    const found = this.#keys.get(key);
    if (found === undefined) return isMarkerKey(key) ? WRONG_KIND : undefined;
    return found.kind === kind ? found.queue : WRONG_KIND;
  }

  /** The queue that a command writes to by this key, or why it can't. */
  toWrite(key: string, kind: KeyKind): string | Failure {
    const queue = this.toRead(key, kind);
    if (queue !== undefined) return queue;
    const known = [...this.#keys].filter(([, known]) => known.kind === kind).map(([name]) => name);
    return failure(`ERR ${shown(key)} is not a queue of this agent: it has ${known.join(", ")}`);
  }
}

export function isMarkerKey(key: string): boolean {
  return MARKER_KEY.test(key);
}

/** What a client sent, fit to stand in an error. */
export function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return `'${plain.length > 64 ? `${plain.slice(0, 64)}...` : plain}'`;
}
