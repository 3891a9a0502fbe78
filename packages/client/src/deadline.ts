/** How long flush and close may take. */
export interface Deadline {
  /** Milliseconds; 5000. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_MS = 5_000;

/** Milliseconds; the default for anything that is no length of time. */
export function timeoutOf(deadline: Deadline | null | undefined): number {
  const given: unknown = deadline?.timeoutMs;
  return typeof given === "number" && given >= 0 ? given : DEFAULT_MS;
}
