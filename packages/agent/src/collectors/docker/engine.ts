/**
 * Asking Docker's engine, or Podman's compatible service, on its Unix socket.
 *
 * No version stands in the paths: the engine then answers as its own version does, old or new.
 */
import { Agent, request } from "node:http";

/** A container's statistics have a few kilobytes, a list of a thousand containers a megabyte. */
const MOST_BYTES = 16 * 1_048_576;
/** So many containers are asked about at the same time. */
const MOST_CONNECTIONS = 16;

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Podman's service speaks Docker's language, with an accent. */
  readonly isPodman: boolean;
}

export class Engine {
  readonly socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS });

  constructor(socketPath: string) {
    this.socketPath = socketPath.replace(/^unix:\/\//, "");
  }

  /** Throws where the engine can't be reached; any answer of its own is given back. */
  get(path: string, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.socketPath, path, agent: this.#agent, signal, host: "docker" };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > MOST_BYTES) sent.destroy(new Error(`an answer is over ${MOST_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.once("error", reject);
        response.once("end", () => {
          const { statusCode: status = 0, headers } = response;
          const isPodman = headers["libpod-api-version"] !== undefined;
          resolve({ status, body: Buffer.concat(chunks).toString(), isPodman });
        });
      });
      sent.once("error", reject);
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
