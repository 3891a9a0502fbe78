/**
 * The keys of the broker: `Q.keys` and `Q.values` of each of the agent's queues, and the markers of clients. Reading any
 * other key finds nothing; writing to it is refused.
 */
import type { QueueNames } from "@chouette-iot/queue";
import { type Failure, failure, quote } from "./reply.js";

type KeyKind = "keys" | "values";

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

  /** The queue of a key that a command reads; undefined for an unknown key, or an error if the key has another type. */
  toRead(key: string, kind: KeyKind): string | undefined | Failure {
    const found = this.#keys.get(key);
    if (found === undefined) return isMarkerKey(key) ? WRONG_KIND : undefined;
    return found.kind === kind ? found.queue : WRONG_KIND;
  }

  /** The queue of a key that a command writes to, or an error. */
  toWrite(key: string, kind: KeyKind): string | Failure {
    const queue = this.toRead(key, kind);
    if (queue !== undefined) return queue;
    const known = [...this.#keys].filter(([, known]) => known.kind === kind).map(([name]) => name);
    return failure(`ERR ${quote(key)} is not a queue of this agent: it has ${known.join(", ")}`);
  }
}

export function isMarkerKey(key: string): boolean {
  return MARKER_KEY.test(key);
}
