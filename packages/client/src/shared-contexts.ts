/**
 * The contexts of a client and its children. Calls that end in the same text are one context, whichever of them is called,
 * so that a child for each request takes no more room, and no more of the cardinality limit, than one child.
 *
 * Promises: memory is bounded, that of lookups held by children included. Past MAX_BYTES all contexts and lookups are let go
 * and made again as they are needed.
 */
import type { MetricType } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";

/** Bytes, by the estimates of `context-lookup.ts`: some 120,000 contexts of three tags. */
const MAX_BYTES = 64 * 1024 * 1024;

/** @typeParam Child the lookup of a child */
export class SharedContexts<Child> {
  /** Rises when everything is let go: a lookup of an earlier generation begins again. */
  generation = 0;
  /** Children by the text of their prefix and tags. */
  readonly children = new Map<string, Child>();
  readonly #byMetric = new Map<string, Map<string, MetricContext>>();
  #bytes = 0;

  /** The contexts of a metric, by the JSON of their tags. @param name as it is stored */
  of(type: MetricType, name: string): Map<string, MetricContext> {
    const key = `${type} ${name}`;
    let contexts = this.#byMetric.get(key);
    if (contexts === undefined) {
      contexts = new Map();
      this.#byMetric.set(key, contexts);
    }
    return contexts;
  }

  /** Counts what was added. */
  account(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= MAX_BYTES) return;
    this.generation++;
    this.children.clear();
    this.#byMetric.clear();
    this.#bytes = 0;
  }
}
