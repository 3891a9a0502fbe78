/**
 * The format of what Chouette keeps in Redis beside the queues: state and counters, with what their texts say.
 *
 * Checked when a connection is made and in every settlement, so that an older Chouette never works with what a newer
 * one wrote. State without a number is of the first format, which is older than the number itself.
 */

import { UnsuitableServerError } from "./unsuitable-server.js";

/** Raise it when a Chouette that knows only the former one would misread the state. */
export const STATE_FORMAT = "1";

/** @throws Error if the state is of a format that this Chouette doesn't know */
export function checkFormat(found: string | null): void {
  if (found === null || found === STATE_FORMAT) return;
  throw new UnsuitableServerError(
    `the state in Redis has format ${found}, which another version of Chouette wrote; this one knows format ${STATE_FORMAT}`,
  );
}
