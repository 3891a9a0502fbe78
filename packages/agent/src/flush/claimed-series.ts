/**
 * The series of one second, each claimed by one context.
 *
 * Datadog keeps one value per series and second, whatever its type. If two contexts make the same series (a set and a
 * count with the same name, or a gauge named like a histogram's maximum), one value would overwrite the other silently.
 * So the first claims the series, and the other becomes a dead letter: docs/decisions/0014-one-identity.md.
 */
import { canonicalTags, contextKey, metricName, type ReadyMetric } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";

/** A ready metric or sketch. */
export type ReadySeries = Pick<ReadyMetric, "metric" | "tags">;

/** The contexts that claimed series of one name. */
interface Owners {
  /** Contexts of one metric and type, each of which made the series with its own tags: no two have the same tags. */
  readonly alike: Context[];
  /** By {@link tagsText}; undefined while all are alike, which is nearly always the case. */
  byTags: Map<string, Context> | undefined;
}

/** A metric to claim, and the owners of series of its name. */
interface Claim {
  readonly metric: ReadySeries;
  readonly owners: Owners;
}

export class ClaimedSeries {
  /** By the metric's name as Datadog normalizes it, and by its name here. */
  readonly #owners = new Map<string, Owners>();

  /**
   * Claims the series of all these metrics for the context that they were made from. Returns the reason if one of them can't
   * be claimed: then none is.
   */
  claim(metrics: readonly ReadySeries[], context: Context): string | undefined {
    const claims = metrics.map((metric): Claim => ({ metric, owners: this.#ownersOf(metric.metric) }));
    for (const [index, claim] of claims.entries()) {
      const owner = ownerOf(claim, context);
      // A context may claim its own series again.
      if (owner !== undefined && contextKey(owner) !== contextKey(context)) return taken(claim.metric, owner);
      if (isAmong(claim, claims, index, context))
        return `${claim.metric.metric} would be sent twice, and Datadog keeps one value`;
    }
    for (const { metric, owners } of claims) {
      if (owners.byTags === undefined) owners.alike.push(context);
      else owners.byTags.set(tagsText(metric.tags, context), context);
    }
    return undefined;
  }

  #ownersOf(metric: string): Owners {
    const known = this.#owners.get(metric);
    if (known !== undefined) return known;
    const name = metricName(metric);
    const owners = this.#owners.get(name) ?? { alike: [], byTags: undefined };
    this.#owners.set(name, owners);
    this.#owners.set(metric, owners);
    return owners;
  }
}

function ownerOf({ metric: { tags }, owners }: Claim, context: Context): Context | undefined {
  const first = owners.alike[0] ?? context;
  const isAlike = first.metric === context.metric && first.type === context.type && tags === context.tags;
  if (owners.byTags === undefined && isAlike) return undefined;
  owners.byTags ??= new Map(owners.alike.map((owner) => [tagsText(owner.tags, owner), owner]));
  return owners.byTags.get(tagsText(tags, context));
}

/** Whether one of the first claims is for the same series. */
function isAmong(
  { metric: { tags }, owners }: Claim,
  claims: readonly Claim[],
  first: number,
  context: Context,
): boolean {
  for (let index = 0; index < first; index++) {
    const other = claims[index];
    if (other?.owners !== owners) continue;
    if (other.metric.tags === tags || tagsText(other.metric.tags, context) === tagsText(tags, context))
      return true;
  }
  return false;
}

/** The tags as a map's key. No valid tag contains a comma. Mostly they are the context's own, which are canonical. */
function tagsText(tags: readonly string[], context: Context): string {
  return (tags === context.tags ? tags : canonicalTags(tags)).join(",");
}

function taken({ metric }: ReadySeries, { metric: name, type }: Context): string {
  return `${metric} with these tags is sent for the ${type} ${name} of this window, and Datadog keeps one value`;
}
