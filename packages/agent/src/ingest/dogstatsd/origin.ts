/** Parses the container that a line came from: the fields `c:`, `e:` and `card:`, which Datadog's clients add in containers. */

export interface Origin {
  readonly containerId: string | undefined;
  readonly containerName: string | undefined;
  readonly podUid: string | undefined;
  readonly cardinality: string | undefined;
}

const NO_ORIGIN: Origin = {
  containerId: undefined,
  containerName: undefined,
  podUid: undefined,
  cardinality: undefined,
};

/** @param fields the unknown fields of a line; others than these three are ignored */
export function parseOrigin(fields: readonly string[]): Origin {
  if (fields.length === 0) return NO_ORIGIN;
  let origin = NO_ORIGIN;
  for (const field of fields) {
    if (field.startsWith("c:")) origin = { ...origin, containerId: containerIdOf(field.slice(2)) };
    else if (field.startsWith("card:")) origin = { ...origin, cardinality: field.slice(5) };
    else if (field.startsWith("e:")) {
      const parts = field.slice(2).split(",");
      const part = (prefix: string) =>
        parts.find((candidate) => candidate.startsWith(prefix))?.slice(prefix.length) || undefined;
      origin = { ...origin, containerName: part("cn-"), podUid: part("pu-") };
    }
  }
  return origin;
}

/** `ci-ID` or `ID`. The inode of a cgroup (`in-…`) means nothing outside of the host's Datadog Agent. */
function containerIdOf(text: string): string | undefined {
  if (text.startsWith("in-")) return undefined;
  return (text.startsWith("ci-") ? text.slice(3) : text) || undefined;
}

/** Tags of the origin, up to the line's cardinality: `none`, `low`, `orchestrator` or `high`. */
export function originTags({ containerId, containerName, podUid, cardinality }: Origin): readonly string[] {
  if (cardinality === "none") return [];
  const low = containerName === undefined ? [] : [`kube_container_name:${containerName}`];
  if (cardinality === "low") return low;
  const orchestrator = podUid === undefined ? low : [...low, `pod_uid:${podUid}`];
  if (cardinality === "orchestrator" || containerId === undefined) return orchestrator;
  return [...orchestrator, `container_id:${containerId}`];
}
