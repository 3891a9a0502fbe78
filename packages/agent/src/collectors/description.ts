/** Descriptions of collectors. docs/COLLECTORS.md is generated from them. */
import type { ReadyType } from "@chouette-iot/record";
import type { SettingName } from "../config/collector-settings.js";

export interface CollectorDescription {
  readonly name: string;
  readonly sees: string;
  readonly reads: string;
  readonly needs: string;
  readonly costs: string;
  readonly settings: readonly SettingName[];
  readonly metrics: readonly MetricDescription[];
}

export interface MetricDescription {
  readonly name: string;
  readonly type: ReadyType;
  /** Datadog's name of the unit; empty for a plain number. */
  readonly unit: string;
  readonly tags: readonly string[];
  readonly says: string;
}

/** A metric: its name without the collector's prefix, unit, tags, meaning, and its type if it isn't a gauge. */
export type MetricRow = readonly [
  name: string,
  unit: string,
  tags: readonly string[],
  says: string,
  type?: ReadyType,
];

/** @param prefix of all the names */
export function metricTable(prefix: string, rows: readonly MetricRow[]): readonly MetricDescription[] {
  return rows.map(([name, unit, tags, says, type = "gauge"]) => ({
    name: `${prefix}.${name}`,
    type,
    unit,
    tags,
    says,
  }));
}
