/** What docs/COLLECTORS.md says of a collector: its tables are made from this. */
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
  /** Datadog's word for it; empty for a bare number. */
  readonly unit: string;
  readonly tags: readonly string[];
  readonly says: string;
}

/** A metric: its name without what all of its collector's begin with, its unit, tags, meaning, and type where it is no gauge. */
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
