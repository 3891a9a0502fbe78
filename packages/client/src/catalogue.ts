/**
 * A catalogue of metrics, as a TypeScript type: their names, types and tags.
 *
 * ```ts
 * interface Metrics {
 *   "http.requests": { type: "count"; tags: "route" | "method" };
 *   "queue.depth": { type: "gauge" };
 * }
 * const client = new ChouetteClient<Metrics>();
 * client.increment("http.requests", 1, { tags: { route: "/" } });
 * ```
 *
 * Without a catalogue, any name and any tag is allowed. It has no cost at run time.
 */
import type { MetricType } from "@chouette-iot/record";

export interface CatalogueEntry {
  readonly type: MetricType;
  /** The names of its tags; any by default. */
  readonly tags?: string;
}

/** The catalogue of a client without one. */
export type AnyMetric = Readonly<Record<string, CatalogueEntry>>;

/** A constraint on itself, since an interface has no index signature. */
export type Catalogue<C> = { readonly [N in keyof C]: CatalogueEntry };

/** The names of the metrics of a type. */
export type NameOf<C extends Catalogue<C>, T extends MetricType> = {
  [N in keyof C]: T extends C[N]["type"] ? N : never;
}[keyof C] &
  string;

/** The names of a metric's tags. */
export type TagOf<C extends Catalogue<C>, N extends keyof C> = C[N] extends {
  readonly tags: infer T extends string;
}
  ? T
  : string;
