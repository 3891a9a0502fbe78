/** Handles a request: reads, validates and answers it, or does what a fault demands. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { NOTHING, type Submission } from "./endpoints.js";
import type { Fault, ReceivedRequest } from "./faults.js";
import { type IntakeRules, maxSentBytes, validate } from "./validate.js";

/** The outcome of a request, and how to end it. */
export interface RequestOutcome {
  readonly end: Answer | "hang" | "close";
  /** Why it was refused; undefined if it was accepted. */
  readonly reason?: string | undefined;
  /** The accepted content. */
  readonly submission: Submission;
  /** Of the body as it was sent. */
  readonly sentBytes: number;
  /** Of an accepted body. */
  readonly inflatedBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body: string;
}

const ON_DEMAND = "a fault on demand";

/** Reads and validates the request, or does what the fault demands. */
export async function handle(
  request: IncomingMessage,
  received: ReceivedRequest,
  fault: Fault | undefined,
  rules: IntakeRules,
): Promise<RequestOutcome> {
  const { isWhole, bytes, body } = await readBody(request, maxSentBytes(received.path), closingAt(fault));
  const nothing = { submission: NOTHING, sentBytes: bytes, inflatedBytes: 0 };
  if (!isWhole) return { ...nothing, end: "close" };
  if (fault !== undefined && "hang" in fault) return { ...nothing, end: "hang" };
  if (fault !== undefined && "status" in fault) {
    return { ...nothing, end: { body: refusal(ON_DEMAND), ...fault }, reason: ON_DEMAND };
  }
  const { method, path } = received;
  const validation = await validate({ method, path, headers: request.headers, body }, rules);
  const { status } = validation;
  if ("reason" in validation) {
    const { reason } = validation;
    return { ...nothing, end: { status, body: refusal(reason) }, reason };
  }
  const { submission, inflatedBytes } = validation;
  const end = fault !== undefined && "loseAnswer" in fault ? "close" : { status, body: validation.body };
  return { end, submission, sentBytes: bytes, inflatedBytes };
}

/** Ends the request as its outcome says. Resolves when the answer was sent, or the connection was closed. */
export async function finish(response: ServerResponse, end: RequestOutcome["end"]): Promise<void> {
  if (end === "hang") return;
  if (end === "close") {
    response.destroy();
    return;
  }
  const closed = new Promise((resolve) => response.once("close", resolve));
  response.writeHead(end.status, { "content-type": "application/json", ...end.headers });
  response.end(end.body);
  await closed;
}

/** The body of a refusal, as Datadog writes it. */
export function refusal(reason: string): string {
  return JSON.stringify({ errors: [reason] });
}

interface Body {
  /** False if the connection was closed before the end of the body. */
  readonly isWhole: boolean;
  readonly bytes: number;
  /** Undefined if it was over the limit. */
  readonly body: Buffer | undefined;
}

/** A body over the limit is read to its end, without keeping it: many senders don't read an answer before that. */
async function readBody(request: IncomingMessage, limit: number, closingAtBytes: number): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const cut = () => ({ isWhole: false, bytes, body: undefined });
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes >= closingAtBytes) return cut();
      if (bytes <= limit) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch {
    // The sender closed the connection.
    return cut();
  }
  if (closingAtBytes < Number.POSITIVE_INFINITY) return cut();
  return { isWhole: true, bytes, body: bytes > limit ? undefined : Buffer.concat(chunks, bytes) };
}

function closingAt(fault: Fault | undefined): number {
  return fault !== undefined && "closeAfterBytes" in fault ? fault.closeAfterBytes : Number.POSITIVE_INFINITY;
}
