/** Validates a request: the checks in their order, and the answer. */
import type { IncomingHttpHeaders } from "node:http";
import { ENDPOINTS, type Endpoint, NOTHING, type Submission } from "./endpoints.js";
import { type Encoding, inflate } from "./inflate.js";
import type { SubmittedLog } from "./logs.js";
import type { SubmittedSeries } from "./submitted-series.js";

/** A request with its body. */
interface RequestWithBody {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it was sent; undefined if it was over the endpoint's limit. */
  readonly body: Buffer | undefined;
}

/** Rules beyond those that Datadog documents. */
export interface IntakeRules {
  /** The only key that is accepted; any key if undefined. */
  readonly apiKey?: string | undefined;
  /** The reason to refuse a series, and with it the whole payload. */
  readonly refuse?: (series: SubmittedSeries) => string | undefined;
  /** The reason to refuse a log, and with it the whole payload. */
  readonly refuseLog?: (log: SubmittedLog) => string | undefined;
}

type Validation =
  | {
      readonly status: 200 | 202;
      readonly body: string;
      readonly submission: Submission;
      readonly inflatedBytes: number;
    }
  | { readonly status: 400 | 403 | 404 | 405 | 413 | 415; readonly reason: string };

class Refused extends Error {
  readonly status: 400 | 403 | 404 | 405 | 413 | 415;

  constructor(status: Refused["status"], reason: string) {
    super(reason);
    this.status = status;
  }
}

export async function validate(request: RequestWithBody, rules: IntakeRules): Promise<Validation> {
  try {
    return await accept(request, rules);
  } catch (error) {
    if (error instanceof Refused) return { status: error.status, reason: error.message };
    throw error;
  }
}

/** Limit of a body as sent, in bytes; 0 for an unknown path. */
export function maxSentBytes(path: string): number {
  return ENDPOINTS.find((endpoint) => endpoint.path === path)?.maxSentBytes ?? 0;
}

/** @throws Refused */
async function accept(request: RequestWithBody, rules: IntakeRules): Promise<Validation> {
  const endpoint = endpointOf(request);
  checkKey(request, rules.apiKey);
  const { accepted, readers } = endpoint;
  if (readers === undefined) return { ...accepted, submission: NOTHING, inflatedBytes: 0 };
  const { body, headers } = request;
  if (body === undefined) throw new Refused(413, `the body is over ${endpoint.maxSentBytes} bytes`);
  const encoding = encodingOf(headers["content-encoding"], endpoint.encodings);
  const read = readerOf(headers["content-type"], readers);
  const bytes = await inflateOrRefuse(body, encoding, endpoint.maxInflatedBytes);
  const found = read(bytes);
  if (!found.ok) throw new Refused(400, found.reason);
  checkSubmission(found.value, endpoint.maxLogs ?? 0, rules);
  return { ...accepted, submission: found.value, inflatedBytes: bytes.length };
}

function endpointOf({ method, path }: RequestWithBody): Endpoint {
  const endpoint = ENDPOINTS.find((known) => known.path === path);
  if (endpoint === undefined) throw new Refused(404, "Not found");
  if (endpoint.method !== method) throw new Refused(405, `${path} takes ${endpoint.method}`);
  return endpoint;
}

/** The answer to a wrong key is exactly Datadog's: an agent reads it. */
function checkKey({ headers }: RequestWithBody, apiKey: string | undefined): void {
  const given = headers["dd-api-key"];
  const isAccepted = apiKey === undefined ? given !== undefined && given !== "" : given === apiKey;
  if (!isAccepted) throw new Refused(403, "Forbidden");
}

function encodingOf(header: string | undefined, known: readonly Encoding[]): Encoding {
  const name = header?.trim().toLowerCase() ?? "identity";
  const encoding = known.find((candidate) => candidate === name);
  if (encoding === undefined) throw new Refused(415, `Content-Encoding should be one of ${known.join(", ")}`);
  return encoding;
}

function readerOf(header: string | undefined, readers: NonNullable<Endpoint["readers"]>) {
  const type = header?.split(";")[0]?.trim().toLowerCase() ?? "";
  const read = readers.get(type);
  if (read === undefined) {
    throw new Refused(415, `Content-Type should be one of ${[...readers.keys()].join(", ")}`);
  }
  return read;
}

async function inflateOrRefuse(body: Buffer, encoding: Encoding, limit: number): Promise<Buffer> {
  const result = await inflate(body, encoding, limit);
  if (result.outcome === "inflated") return result.bytes;
  if (result.outcome === "malformed") throw new Refused(400, result.reason);
  throw new Refused(413, `the body inflates to over ${limit} bytes`);
}

function checkSubmission({ series, logs }: Submission, maxLogs: number, rules: IntakeRules): void {
  if (logs.length > maxLogs) throw new Refused(413, `there are over ${maxLogs} logs`);
  for (const one of series) {
    const reason = rules.refuse?.(one);
    if (reason !== undefined) throw new Refused(400, reason);
  }
  for (const log of logs) {
    const reason = rules.refuseLog?.(log);
    if (reason !== undefined) throw new Refused(400, reason);
  }
}
