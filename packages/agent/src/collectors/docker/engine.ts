/**
 * Requests to Docker's engine, or to Podman's compatible service, on a Unix socket.
 *
 * The paths contain no API version: the engine then uses its own.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { readBody } from "../response-body.js";

/** Limit of a response. Statistics of a container are a few kilobytes, a list of a thousand containers a megabyte. */
const MAX_BYTES = 16 * 1_048_576;

const MAX_CONNECTIONS = 16;

export interface EngineResponse {
  readonly status: number;
  readonly body: string;
  /** Podman's API differs from Docker's in details. */
  readonly isPodman: boolean;
}

export class Engine {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });

  constructor(socketPath: string) {
    this.socketPath = socketPath.replace(/^unix:\/\//, "");
  }

  /** Rejects if the engine can't be reached; returns every response, whatever its status. */
  async get(path: string, signal: AbortSignal): Promise<EngineResponse> {
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
