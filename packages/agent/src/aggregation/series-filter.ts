/**
 * Which metrics aren't aggregated, and which of their tags are left out: METRICS_ALLOW, METRICS_BLOCK and TAGS_BLOCK.
 *
 * A tag is removed before its series is formed, so that series that differ only in it add up to one.
 * It loses what the settings ask it to lose; the flush counts that as `filtered`.
 */
/** In a pattern, `*` matches any characters; every other character matches itself. */
export interface FilterPatterns {
  /** Only these metrics are aggregated; empty for all. */
  readonly metricsAllow: readonly string[];
  /** These aren't aggregated, even if they are allowed. */
  readonly metricsBlock: readonly string[];
  /** Names of tags. */
  readonly tagsBlock: readonly string[];
}

export interface SeriesFilter {
  /** Takes the name as Datadog stores it. Undefined if all metrics are kept. */
  readonly keepsMetric: ((metric: string) => boolean) | undefined;
  /** Takes the tag as Datadog stores it. Undefined if all tags are kept. */
  readonly keepsTag: ((tag: string) => boolean) | undefined;
}

export const KEEPS_ALL: SeriesFilter = { keepsMetric: undefined, keepsTag: undefined };

/** More names than any device has. For any others, the patterns are matched for each record. */
const MAX_REMEMBERED = 10_000;

export function seriesFilter({ metricsAllow, metricsBlock, tagsBlock }: FilterPatterns): SeriesFilter {
  const isAllowed = metricsAllow.length === 0 ? undefined : matcher(metricsAllow.map(storedName));
  const isBlocked = metricsBlock.length === 0 ? undefined : matcher(metricsBlock.map(storedName));
  const isTagBlocked = tagsBlock.length === 0 ? undefined : matcher(tagsBlock.map(lowerCase));
  return {
    keepsMetric:
      isAllowed === undefined && isBlocked === undefined
        ? undefined
        : remembered((metric) => (isAllowed?.(metric) ?? true) && !isBlocked?.(metric)),
    keepsTag: isTagBlocked && remembered((tag) => !isTagBlocked(nameOf(tag))),
  };
}

/** Users write patterns for the names that they use, which Datadog may store differently: `my-app.*` is `my_app.*`. */
function storedName(pattern: string): string {
  return pattern.replace(/[^A-Za-z0-9_.*]/g, "_");
}

function lowerCase(pattern: string): string {
  return pattern.toLowerCase();
}

function nameOf(tag: string): string {
  const colon = tag.indexOf(":");
  return colon === -1 ? tag : tag.slice(0, colon);
}

function matcher(patterns: readonly string[]): (text: string) => boolean {
  const sources = patterns.map((pattern) =>
    pattern.replace(/[\\^$.+?()[\]{}|/]/g, "\\$&").replaceAll("*", ".*"),
  );
  const regex = new RegExp(`^(?:${sources.join("|")})$`, "s");
  return (text) => regex.test(text);
}

function remembered(decide: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    let decision = known.get(text);
    if (decision === undefined) {
      decision = decide(text);
      if (known.size < MAX_REMEMBERED) known.set(text, decision);
    }
    return decision;
  };
}
