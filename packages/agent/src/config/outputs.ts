/** How the outputs differ. Everything else treats them the same: a new output is a line here and one in `reloadable.ts`. */

export interface OutputTraits {
  /** Name of the destination, as the subject of a sentence. */
  readonly place: string;
  /** Read by a person: each window is written when it closes, self metrics are off, and the log goes to stderr. */
  readonly isForPeople: boolean;
  /** Whether it posts to DATADOG_URL and DATADOG_LOGS_URL, with a key. */
  readonly usesDatadogUrls: boolean;
  /** Whether it remembers the store whose records it sends, so that each shard needs one. */
  readonly isPerStore: boolean;
}

export const OUTPUT_NAMES = ["datadog", "stdout", "gateway"] as const;

export type OutputName = (typeof OUTPUT_NAMES)[number];

export const OUTPUTS: Readonly<Record<OutputName, OutputTraits>> = {
  datadog: { place: "Datadog", isForPeople: false, usesDatadogUrls: true, isPerStore: false },
  stdout: { place: "stdout", isForPeople: true, usesDatadogUrls: false, isPerStore: false },
  gateway: { place: "Gateway", isForPeople: false, usesDatadogUrls: false, isPerStore: true },
};
