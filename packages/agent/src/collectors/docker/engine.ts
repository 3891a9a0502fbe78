/**
 * Asking Docker's engine, or Podman's compatible service, on its Unix socket.
 *
 * No version stands in the paths: the engine then answers as its own version does, old or new.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { readBody } from "../response-body.js";

/** A container's statistics have a few kilobytes, a list of a thousand containers a megabyte. */
const MAX_BYTES = 16 * 1_048_576;
/** So many containers are asked about at the same time. */
const MAX_CONNECTIONS = 16;

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Podman's service speaks Docker's language, with an accent. */
  readonly isPodman: boolean;
}

export class Engine {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });

  constructor(socketPath: string) {
    this.socketPath = socketPath.replace(/^unix:\/\//, "");
  }

  /** Throws if the engine can't be reached; any answer of its own is given back. */
  async get(path: string, signal: AbortSignal): Promise<Answer> {
    const options = { socketPath: this.socketPath, path, agent: this.#agent, signal, host: "docker" };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).on("error", reject).end();
    });
    return {
      status: response.statusCode ?? 0,
      body: await readBody(response, MAX_BYTES),
      isPodman: response.headers["libpod-api-version"] !== undefined,
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}
