/** How long flush and close may take. */
export interface Deadline {
  /** Milliseconds; 5000 by default. */
  readonly timeoutMs?: number | undefined;
}

const DEFAULT_MS = 5_000;

/** The timeout in milliseconds; the default if it is invalid. */
export function timeoutOf(deadline: Deadline | null | undefined): number {
  const given: unknown = deadline?.timeoutMs;
  return typeof given === "number" && given >= 0 ? given : DEFAULT_MS;
}
