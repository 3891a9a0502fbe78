/** Counts requests and bytes. Points and logs are counted where they are kept. */
import { isEndpoint } from "./endpoints.js";
import type { LogCounts } from "./kept-logs.js";
import type { PointCounts } from "./kept-points.js";

export interface Counts {
  /** By path and status; "none" if nothing was answered, "other" for unknown paths. */
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly bytes: {
    /** Of all bodies as they were sent, also of refused ones. */
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

  /** @param status of the answer; undefined if nothing was answered */
  add(path: string, status: number | undefined, sentBytes: number, inflatedBytes: number): void {
    this.#bytes.sent += sentBytes;
    this.#bytes.inflated += inflatedBytes;
    // Only known paths: otherwise a client could add entries without limit.
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
