/**
 * The contexts that a client and its children share. Calls with the same name and tags share a context, whichever client they
 * are made on, so a child for each request takes no more memory, and no more of the cardinality limit, than a single one.
 *
 * Promises: memory is bounded, including that of lookups held by children. Beyond MAX_BYTES, all contexts and lookups are
 * dropped and recreated on demand.
 */
import type { MetricType } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";

/** By the estimates of `context-lookup.ts`: about 120,000 contexts with three tags. */
const MAX_BYTES = 64 * 1024 * 1024;

/** @typeParam Child the lookup of a child */
export class SharedContexts<Child> {
  /** Increases when everything is dropped: lookups of an earlier generation start over. */
  generation = 0;
  /** Children by their prefix and tags, as text. */
  readonly children = new Map<string, Child>();
  readonly #byMetric = new Map<string, Map<string, MetricContext>>();
  #bytes = 0;

  /** The contexts of a metric, by the JSON of their tags. @param name the normalised name */
  of(type: MetricType, name: string): Map<string, MetricContext> {
    const key = `${type} ${name}`;
    let contexts = this.#byMetric.get(key);
    if (contexts === undefined) {
      contexts = new Map();
      this.#byMetric.set(key, contexts);
    }
    return contexts;
  }

  /** Adds to the estimated memory, and drops everything if it exceeds the limit. */
  account(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= MAX_BYTES) return;
    this.generation++;
    this.children.clear();
    this.#byMetric.clear();
    this.#bytes = 0;
  }
}
