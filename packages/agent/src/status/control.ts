/**
 * The agent's control socket, for `chouette queue` with the embedded broker, whose store only the agent can open. It is a
 * Unix socket in the data directory, which only the agent's user may enter, and uses HTTP with JSON.
 *
 * Promises: it can't crash the agent. If it can't be created, that is logged, and `chouette queue` doesn't work.
 */
import { unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { messageOf } from "@chouette-iot/record";
import type { Log } from "../runtime/log.js";
import type { QueueAnswer, QueueRequest } from "./queue-requests.js";
import type { Status } from "./status.js";

export function controlSocket(dataDirectory: string): string {
  return join(dataDirectory, "control.sock");
}

export interface ControlAnswers {
  /** Handles a request; its rejections are sent to the client. */
  readonly queue: (request: QueueRequest) => Promise<QueueAnswer>;
  readonly status: () => Promise<Status>;
}

type ControlRequest = QueueRequest | { readonly kind: "status" };

export function startControl(path: string, log: Log, answer: ControlAnswers): Server {
  removeStaleSocket(path);
  const server = createServer((incoming, response) => {
    answerRequest(incoming, answer)
      .then((answered) => response.end(JSON.stringify(answered)))
      .catch((error) => response.writeHead(500).end(JSON.stringify({ error: messageOf(error) })));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("error", (error) => {
    log.warn(
      { reason: error.message },
      `control socket not created, so \`chouette queue\` won't work: ${error.message}`,
    );
  });
  server.listen(path, () => server.unref());
  return server;
}

async function answerRequest(
  incoming: IncomingMessage,
  { queue, status }: ControlAnswers,
): Promise<QueueAnswer | Status> {
  // Sent by the same version of this package, so it needs no further validation.
  const asked = (await json(incoming)) as ControlRequest;
  return asked.kind === "status" ? status() : queue(asked);
}

/** Sends a request to the agent of this data directory. Rejects if there is none, or with its error. */
export async function askAgent(path: string, query: QueueRequest): Promise<QueueAnswer> {
  return (await ask(path, query)) as QueueAnswer;
}

/** The status of the agent of this data directory. Rejects if there is none. */
export async function askAgentStatus(path: string): Promise<Status> {
  return (await ask(path, { kind: "status" })) as Status;
}

function ask(path: string, query: ControlRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method: "POST" }, (response) => {
      json(response).then((body) => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error((body as { readonly error: string }).error));
      }, reject);
    });
    outgoing.once("error", (error) => {
      reject(new Error(`no agent answers on ${path}: ${error.message}`, { cause: error }));
    });
    outgoing.end(JSON.stringify(query));
  });
}

/** A killed agent leaves its socket. The store's lock proves that it no longer runs. */
function removeStaleSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It doesn't exist, or can't be removed: then `listen` fails.
  }
}
