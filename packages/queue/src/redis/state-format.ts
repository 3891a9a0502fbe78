/**
 * The format version of state and counters in Redis.
 *
 * Checked for each connection and in every settlement, so that an older Chouette never uses state that a newer one wrote.
 * State without a version has the first format, which is older than the version number.
 */
import { UnsuitableServerError } from "./unsuitable-server.js";

/** Raise it if a Chouette that knows only the previous format would misread the state. */
export const STATE_FORMAT = "1";

/** @throws UnsuitableServerError if the state has a format that this Chouette doesn't know */
export function checkFormat(found: string | null): void {
  if (found === null || found === STATE_FORMAT) return;
  throw new UnsuitableServerError(
    `the state in Redis has format ${found}, which another version of Chouette wrote; this one knows format ${STATE_FORMAT}`,
  );
}
