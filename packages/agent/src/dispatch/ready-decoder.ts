/**
 * Ready metrics as they are sent. This agent's own have their complete tags; what another program left in the queue gets
 * the global tags here, the only place where it passes.
 */
import { canonicalTags, type Decoded, decodeReadyMetric, type ReadyMetric } from "@chouette-iot/record";
import { isOwnReady } from "../runtime/ready-ids.js";

/** @param globalTags `["key:value", …]` */
export function readyDecoder(
  globalTags: readonly string[],
): (text: string, id: string) => Decoded<ReadyMetric> {
  return (text, id) => {
    const decoded = decodeReadyMetric(text);
    if (!decoded.ok || globalTags.length === 0 || isOwnReady(id)) return decoded;
    const { record } = decoded;
    return { ok: true, record: { ...record, tags: canonicalTags(record.tags, globalTags) } };
  };
}
