/** What a spill is given. Not in its file, whose types would all be part of the public ones. */
export interface SpillSettings {
  readonly folder: string;
  /** Maximum bytes of this process' records in the folder. */
  readonly maxBytes: number;
}

export interface SpillListener {
  onSpillDropped(reason: "spill_full" | "spill_torn" | "spill_lost", records: number): void;
  /** The folder or a file can't be used. */
  onError(error: Error): void;
  /** Records of another client were found. */
  onRecovered(records: number): void;
}
