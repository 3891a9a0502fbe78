/** The data of the dashboard: the status, and data that only the dashboard needs. */
import type { ReadyMetric, Rejected } from "@chouette-iot/record";
import type { ShownSetting } from "../config/shown-settings.js";
import type { TimedSample } from "../status/history.js";
import type { RecordedOutage } from "../status/outage-log.js";
import type { SeriesUse } from "../status/series-use.js";
import type { Status } from "../status/status.js";

export interface View {
  readonly status: Status;
  readonly hour: readonly TimedSample[];
  readonly day: readonly TimedSample[];
  /** Of the last day. */
  readonly outages: readonly RecordedOutage[];
  /** The first metrics of each collector's last round, by its name. */
  readonly lastReady: ReadonlyMap<string, readonly ReadyMetric[]>;
  /** Newest first; undefined if the store doesn't answer. */
  readonly deadLetters: readonly Rejected[] | undefined;
  readonly series: SeriesUse;
  readonly settings: readonly ShownSetting[];
}
