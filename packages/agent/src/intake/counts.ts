/** What the intake counts: requests and bytes here, points and logs where they are kept. */
import { isEndpoint } from "./endpoints.js";
import type { LogCounts } from "./kept-logs.js";
import type { PointCounts } from "./kept-points.js";

export interface Counts {
  /** How many, by path and by status; "none" if nothing was answered, "other" for a path that is no endpoint. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly bytes: {
    /** Of all bodies as they were sent, whatever became of them. */
    readonly sent: number;
    /** Of the accepted bodies, inflated. */
    readonly inflated: number;
  };
  readonly points: PointCounts;
  readonly logs: LogCounts;
}

export class RequestCounts {
  readonly #requests = new Map<string, Map<string, number>>();
  readonly #bytes = { sent: 0, inflated: 0 };

  /** @param status what was answered; undefined if nothing was */
  add(path: string, status: number | undefined, sentBytes: number, inflatedBytes: number): void {
    this.#bytes.sent += sentBytes;
    this.#bytes.inflated += inflatedBytes;
    // Paths come from outside: only known ones may become entries.
    const name = isEndpoint(path) ? path : "other";
    const byStatus = this.#requests.get(name) ?? new Map<string, number>();
    this.#requests.set(name, byStatus);
    const key = `${status ?? "none"}`;
    byStatus.set(key, (byStatus.get(key) ?? 0) + 1);
  }

  counts(): Pick<Counts, "requests" | "bytes"> {
    const requests = [...this.#requests].map(([path, byStatus]) => [path, Object.fromEntries(byStatus)]);
    return { requests: Object.fromEntries(requests), bytes: { ...this.#bytes } };
  }
}
