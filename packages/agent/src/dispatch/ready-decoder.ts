/**
 * Ready metrics as they are sent. This agent's own have their complete tags; what another program left in the queue gets
 * the global tags here, the only place where it passes.
 */
import { canonicalTags, decodeReadyMetric, type ReadyMetric, type Result } from "@chouette-iot/record";
import { isOwnReady } from "../runtime/ready-ids.js";

/** @param globalTags `["key:value", …]` */
export function readyDecoder(
  globalTags: readonly string[],
): (text: string, id: string) => Result<ReadyMetric> {
  return (text, id) => {
    const decoded = decodeReadyMetric(text);
    if (!decoded.ok || globalTags.length === 0 || isOwnReady(id)) return decoded;
    const record = decoded.value;
    return { ok: true, value: { ...record, tags: canonicalTags(record.tags, globalTags) } };
  };
}
