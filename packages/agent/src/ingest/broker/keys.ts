/**
 * The keys that the broker knows: a queue's `Q.keys` and `Q.values` in a namespace that begins with `chouette`,
 * and the markers of clients.
 */
import { type Failure, failure } from "./reply.js";

export type KeyKind = "keys" | "values";

const QUEUE_KEY = /^(chouette[\w:{}-]{0,100})\.(keys|values)$/;
/** Each open queue has tables of its own in LMDB, whose number is limited; an agent uses four a namespace. */
const MOST_QUEUES = 48;

export const MARKER_PREFIX = "chouette:client:";
const MARKER_KEY = /^chouette:client:[\w:{}.-]{1,100}$/;

export class QueueKeys {
  readonly #seen = new Set<string>();

  /** The queue that a command's key belongs to, or why there is none; the queue exists from then on. */
  queueOf(key: string, kind: KeyKind): string | Failure {
    const match = QUEUE_KEY.exec(key);
    const [, queue, found] = match ?? [];
    if (queue === undefined)
      return failure(`ERR ${shown(key)} is not a key of Chouette, such as chouette:metrics:raw.${kind}`);
    if (found !== kind) return failure("WRONGTYPE Operation against a key holding the wrong kind of value");
    if (!this.#seen.has(queue)) {
      if (this.#seen.size >= MOST_QUEUES)
        return failure(`ERR Chouette's broker keeps at most ${MOST_QUEUES} queues`);
      this.#seen.add(queue);
    }
    return queue;
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
