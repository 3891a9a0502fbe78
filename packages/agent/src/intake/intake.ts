/**
 * A local stand-in for Datadog's intake: it receives metrics and logs over HTTP, validates them by Datadog's documented rules,
 * answers as Datadog does, and keeps what it accepted.
 *
 * Promises: points are kept as Datadog would keep them: the last value per metric, host, tags and second. Every request is
 * counted, whatever its outcome. No body takes more memory than the limits of its endpoint. Beyond its limits it forgets the
 * oldest points and logs, which it counts; it keeps nothing on disk.
 *
 * See also handle-request.ts (one request), validate.ts (the checks), endpoints.ts (the endpoints), submitted-series.ts (the
 * rules for metrics) and kept-points.ts. faults.ts is for tests.
 */
import { createServer, type Server } from "node:http";
import { type Milliseconds, messageOf, milliseconds } from "@chouette-iot/record";
import { shownAddress } from "../runtime/address.js";
import { type Counts, RequestCounts } from "./counts.js";
import type { Submission } from "./endpoints.js";
import type { SubmittedCheck, SubmittedEvent } from "./events.js";
import type { ReceivedRequest, Rules } from "./faults.js";
import { finish, handle, type RequestOutcome, refusal } from "./handle-request.js";
import { KeptLogs } from "./kept-logs.js";
import { type KeptPoint, KeptPoints } from "./kept-points.js";
import type { SubmittedLog } from "./logs.js";
import type { SubmittedSketch } from "./sketch-payload.js";
import type { IntakeRules } from "./validate.js";

export interface IntakeOptions extends IntakeRules {
  /** Host to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** 0 for any free port, the default. */
  readonly port?: number;
  /** Chooses the fault when a request begins. */
  readonly rules?: Rules;
  /** Maximum number of points to keep. */
  readonly keepPoints?: number;
  /** Maximum number of logs to keep. */
  readonly keepLogs?: number;
  /** Called for each request after its answer was sent. */
  readonly onRequest?: (request: AnsweredRequest) => void;
  /** The current time, for the age of points and logs; by default the device's. */
  readonly now?: () => Milliseconds;
}

export interface AnsweredRequest extends ReceivedRequest {
  /** Status of the answer; undefined if nothing was answered. */
  readonly status: number | undefined;
  /** Why it was refused; undefined if it was accepted. */
  readonly reason?: string | undefined;
  /** The accepted content. */
  readonly submission: Submission;
}

export interface Intake {
  /** Without a path, such as `http://127.0.0.1:8128`. */
  readonly url: string;
  /** The kept points, in the order in which they arrived. */
  points(): readonly KeptPoint[];
  /** The kept logs, in the order in which they arrived. */
  logs(): readonly SubmittedLog[];
  /** Likewise the last events and checks. */
  events(): readonly SubmittedEvent[];
  checks(): readonly SubmittedCheck[];
  /** Likewise the last sketches. Unlike Datadog, it keeps several for the same metric, host, tags and second. */
  sketches(): readonly SubmittedSketch[];
  counts(): Counts;
  /** Stops listening and closes all connections, also those with requests. */
  close(): Promise<void>;
}

/** Rejects if it can't listen on the address. */
export async function startIntake(options: IntakeOptions = {}): Promise<Intake> {
  const { host = "127.0.0.1", port = 0, rules, onRequest, now = systemTime } = options;
  const points = new KeptPoints(options.keepPoints ?? 1_000_000);
  const logs = new KeptLogs(options.keepLogs ?? 10_000);
  const requests = new RequestCounts();
  const events: SubmittedEvent[] = [];
  const checks: SubmittedCheck[] = [];
  const sketches: SubmittedSketch[] = [];
  let begun = 0;

  const keep = ({ path }: ReceivedRequest, { end, submission, sentBytes, inflatedBytes }: RequestOutcome) => {
    const time = now();
    for (const series of submission.series) points.add(series, time);
    logs.add(submission.logs, time);
    keepLast(events, submission.events);
    keepLast(checks, submission.checks);
    keepLast(sketches, submission.sketches);
    requests.add(path, statusOf(end), sentBytes, inflatedBytes);
  };

  const server = createServer(async (request, response) => {
    begun += 1;
    const path = request.url?.split("?")[0] ?? "/";
    const length = request.headers["content-length"];
    const bytes = length === undefined ? undefined : Number(length);
    const received = { number: begun, method: request.method ?? "", path, bytes };
    try {
      const outcome = await handle(request, received, rules?.(received), options);
      keep(received, outcome);
      const { end, submission, reason } = outcome;
      await finish(response, end);
      onRequest?.({
        ...received,
        status: statusOf(end),
        submission,
        reason,
      });
    } catch (error) {
      // A test's function threw, or the stand-in has a fault: the sender can show the error.
      if (response.headersSent) throw error;
      const why = messageOf(error);
      requests.add(path, 500, 0, 0);
      await finish(response, { status: 500, body: refusal(`the stand-in failed: ${why}`) });
    }
  });
  return {
    url: await listen(server, host, port),
    points: () => points.list(),
    logs: () => logs.list(),
    events: () => [...events],
    checks: () => [...checks],
    sketches: () => [...sketches],
    counts: () => ({ ...requests.counts(), points: points.counts(), logs: logs.counts() }),
    close: () => close(server),
  };
}

const MAX_KEPT = 10_000;

function keepLast<T>(kept: T[], added: readonly T[]): void {
  for (const one of added) kept.push(one);
  kept.splice(0, kept.length - MAX_KEPT);
}

function systemTime(): Milliseconds {
  return milliseconds(Date.now());
}

function statusOf(end: RequestOutcome["end"]): number | undefined {
  return typeof end === "string" ? undefined : end.status;
}

/** Resolves with the URL when it listens. */
function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      const actual = typeof address === "object" && address !== null ? address.port : port;
      resolve(`http://${shownAddress({ host, port: actual })}`);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
