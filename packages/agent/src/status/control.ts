/**
 * The agent's control socket, for `chouette queue` where the broker is embedded: nobody but the agent may open its
 * store. A Unix socket in the data directory, which only the agent's user may enter; HTTP with JSON on it.
 *
 * Promises: it never ends the agent. Where it can't be made, that is said, and the queues can't be asked.
 */
import { unlinkSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { Log } from "../log.js";
import type { QueueAnswer, QueueRequest } from "./queue-requests.js";

export function controlSocket(dataDirectory: string): string {
  return join(dataDirectory, "control.sock");
}

/** @param answer to a request; what it rejects with is told to whoever asked */
export function startControl(
  path: string,
  log: Log,
  answer: (request: QueueRequest) => Promise<QueueAnswer>,
): Server {
  removeLeftOver(path);
  const server = createServer((incoming, response) => {
    answerTo(incoming, answer)
      .then((answered) => response.end(JSON.stringify(answered)))
      .catch((error) => response.writeHead(500).end(JSON.stringify({ error: messageOf(error) })));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("error", (error) => {
    log.warn({ reason: error.message }, "no control socket: `chouette queue` can't reach this agent");
  });
  server.listen(path, () => server.unref());
  return server;
}

async function answerTo(
  incoming: IncomingMessage,
  answer: (request: QueueRequest) => Promise<QueueAnswer>,
): Promise<QueueAnswer> {
  // From this package's own command, of the same version: it needs no second check.
  return answer((await json(incoming)) as QueueRequest);
}

/** Asks the agent that runs on this data directory. Rejects where there is none, or with its error. */
export function askAgent(path: string, asked: QueueRequest): Promise<QueueAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, method: "POST" }, (response) => {
      json(response).then((body) => {
        if (response.statusCode === 200) resolve(body as QueueAnswer);
        else reject(new Error((body as { readonly error: string }).error));
      }, reject);
    });
    outgoing.once("error", (error) => {
      reject(new Error(`no agent answers on ${path}: ${error.message}`, { cause: error }));
    });
    outgoing.end(JSON.stringify(asked));
  });
}

/** Of an agent that was killed: the socket's file outlives it, and the store's lock says that it is gone. */
function removeLeftOver(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It wasn't there, or can't be removed: then listening says so.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
