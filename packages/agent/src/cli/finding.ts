/** A result of `chouette doctor`. With `--json` it is printed unchanged. */
export interface Finding {
  /** The part that was checked, such as `broker`. */
  readonly about: string;
  readonly verdict: "ok" | "warning" | "error";
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}
