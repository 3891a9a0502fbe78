/**
 * The series of one second, each claimed by one context.
 *
 * Datadog keeps one value of a series and second, whatever its type. Two contexts that came to one series (a set and a
 * count of one name, a gauge named as a histogram's maximum) would be one value there, and the other would be lost
 * silently. So the first keeps the series, and the other becomes a dead letter: docs/decisions/0014-one-identity.md.
 */
import { canonicalTags, contextKey, metricName, type ReadyMetric } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";

/** A ready metric or sketch. */
export type ReadySeries = Pick<ReadyMetric, "metric" | "tags">;

/** Who claimed series of one name. */
interface Owners {
  /** Each with the tags of its own, and all of one metric and type, so that no two of them have the same tags. */
  readonly alike: Context[];
  /** By the text of the tags; undefined while all are alike, which a name nearly always is. */
  byTags: Map<string, Context> | undefined;
}

/** A metric that is claimed, with those that have its name. */
interface Claim {
  readonly metric: ReadySeries;
  readonly owners: Owners;
}

export class ClaimedSeries {
  /** By the name that Datadog gives a metric, and by the name that it has here. */
  readonly #owners = new Map<string, Owners>();

  /**
   * Claims the series of all these metrics for the context that they were made of. Returns the reason if one can't be:
   * then none of them is claimed.
   */
  claim(metrics: readonly ReadySeries[], context: Context): string | undefined {
    const claims = metrics.map((metric): Claim => ({ metric, owners: this.#ownersOf(metric.metric) }));
    for (const [index, claim] of claims.entries()) {
      const owner = ownerOf(claim, context);
      // What became of a context claims again what the context had.
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

/** Whether one of the first claims is of the same series. */
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

/** Of a metric's tags, which mostly are its context's. No tag that is valid at Datadog has a comma in it. */
function tagsText(tags: readonly string[], context: Context): string {
  return (tags === context.tags ? tags : canonicalTags(tags)).join(",");
}

function taken({ metric }: ReadySeries, { metric: name, type }: Context): string {
  return `${metric} with these tags is sent for the ${type} ${name} of this window, and Datadog keeps one value`;
}
