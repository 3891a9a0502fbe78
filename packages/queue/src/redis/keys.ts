/** The keys of a queue in Redis, as the original has them, and those of a namespace's state and counters. */

export function keysOf(queue: string): string {
  return `${queue}.keys`;
}

export function valuesOf(queue: string): string {
  return `${queue}.values`;
}

/** State by its key. The name is that of the first version, which called it notes. */
export function stateOf(namespace: string): string {
  return `${namespace}:notes`;
}

export function countersOf(namespace: string): string {
  return `${namespace}:counters`;
}

/** The number of the format that state and counters have. */
export function formatOf(namespace: string): string {
  return `${namespace}:format`;
}
