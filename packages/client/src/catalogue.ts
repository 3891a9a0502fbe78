/**
 * A catalogue of metrics, as a type: which names there are, of which type, with which tags.
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
 * Without one, every name and every tag is allowed. It costs nothing at run time.
 */
import type { MetricType } from "@chouette-iot/record";

export interface CatalogueEntry {
  readonly type: MetricType;
  /** The names of its tags; without it, any. */
  readonly tags?: string;
}

/** What holds for a client without a catalogue. */
export type AnyMetric = Readonly<Record<string, CatalogueEntry>>;

/** A catalogue may be an interface, which has no index signature: hence the type of itself. */
export type Catalogue<C> = { readonly [N in keyof C]: CatalogueEntry };

/** The names that may be used with a type. */
export type NameOf<C extends Catalogue<C>, T extends MetricType> = {
  [N in keyof C]: T extends C[N]["type"] ? N : never;
}[keyof C] &
  string;

/** The names of the tags that a metric may have. */
export type TagOf<C extends Catalogue<C>, N extends keyof C> = C[N] extends {
  readonly tags: infer T extends string;
}
  ? T
  : string;
