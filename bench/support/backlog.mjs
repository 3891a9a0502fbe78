/**
 * A backlog of raw records in a broker, filled once and copied for each run, so that all start with the same data.
 *
 * The records are of 2,000 a second of device time: counts, gauges and histograms, half of them counts, one context
 * after the other, in time order.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { startSubject } from "../suite/child.mjs";
import { startRedis } from "./redis.mjs";

export const RAW = "chouette:metrics:raw";
export const READY = "chouette:metrics:wrapped";

/**
 * @typedef {object} Backlog
 * @property {"redis" | "embedded"} kind
 * @property {string} folder  with a snapshot of a Redis server, or with the embedded broker's file
 * @property {number} records
 * @property {number} contexts
 * @property {number} counted  the sum of all counts, which is to arrive
 *
 * @param {"redis" | "embedded"} kind
 * @param {{ records: number, contexts: number, recordBytes?: number }} shape  of about 130 bytes unless given
 * @param {import("../suite/measurement.mjs").Tree} tree  whose store writes it
 * @param {string} folder  where its own may be
 * @returns {Promise<Backlog>}
 */
export async function fillBacklog(kind, { records, contexts, recordBytes = 0 }, tree, folder) {
  const own = await mkdtemp(join(folder, "backlog-"));
  const filler = startSubject(new URL("../subjects/fill-backlog.mjs", import.meta.url));
  const redis = kind === "redis" ? await startRedis(folder, ["--dir", own]) : undefined;
  try {
    const place = redis === undefined ? { directory: own } : { port: redis.port };
    const counted = await filler.ask("fill", { root: tree.root, place, records, contexts, recordBytes });
    return { kind, folder: own, records, contexts, counted };
  } finally {
    await filler.end();
    await redis?.stop();
  }
}

/** A copy to work on. @param {Backlog} backlog @param {string} folder where its own may be */
export async function copyBacklog({ folder: original }, folder) {
  const copy = await mkdtemp(join(folder, "copy-"));
  await cp(original, copy, { recursive: true });
  return { folder: copy, remove: () => rm(copy, { recursive: true, force: true }) };
}

/** @param {Backlog} backlog */
export const removeBacklog = ({ folder }) => rm(folder, { recursive: true, force: true });
