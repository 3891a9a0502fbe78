/** The keys in Redis: those of a queue, which are the original's, and those of a namespace's state and counters. */

/** A namespace on a server. */
export interface KeySpace {
  readonly namespace: string;
  /** Whether it is a shard: in a Redis Cluster, any node may have it. */
  readonly isShard: boolean;
}

export function keysOf(queue: string): string {
  return `${queue}.keys`;
}

export function valuesOf(queue: string): string {
  return `${queue}.values`;
}

/** The hash of state. Its name is that of the first version, which called state "notes". */
export function stateOf(namespace: string): string {
  return `${namespace}:notes`;
}

export function countersOf(namespace: string): string {
  return `${namespace}:counters`;
}

/** The format version of state and counters. */
export function formatOf(namespace: string): string {
  return `${namespace}:format`;
}
