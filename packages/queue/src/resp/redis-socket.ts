/**
 * A socket to a Redis server: sends commands and matches the replies to them.
 *
 * The client uses it instead of a driver, which takes as long to load as everything else that a client does in its first
 * minutes.
 *
 * Promises: every `send` resolves or rejects. `onEnd` is called once, however the socket ends, unless `destroy` ended it.
 * It never reconnects, and doesn't keep the process alive.
 */
import { connect, type Socket } from "node:net";
import { type Milliseconds, messageOf } from "@chouette-iot/record";
import { addressText, type BrokerAddress } from "./address.js";
import { type EncodedCommands, type Reply, ReplyReader } from "./resp.js";

interface Waiting {
  readonly expected: number;
  readonly replies: Reply[];
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: Error) => void;
}

export interface SocketOptions {
  /** Idle time before TCP keep-alive probes start. */
  readonly keepAlive: Milliseconds;
  /** Called once, however the socket ends, unless `destroy` ended it. */
  onEnd(error: Error): void;
}

export class RedisSocket {
  readonly #socket: Socket;
  readonly #onEnd: (error: Error) => void;
  readonly #reader = new ReplyReader();
  /** Oldest first. */
  readonly #waiting: Waiting[] = [];
  #ended = false;

  /** Starts to connect. Commands sent before wait for the connection. */
  constructor(address: BrokerAddress, { keepAlive, onEnd }: SocketOptions) {
    this.#onEnd = onEnd;
    this.#socket = open(address);
    this.#socket.setNoDelay(true).setKeepAlive(true, keepAlive).unref();
    let reason = "it closed the connection";
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => {
      reason = messageOf(error);
    });
    this.#socket.on("close", () => {
      this.#end(new Error(`Redis at ${addressText(address)} is unavailable: ${reason}`));
    });
  }

  /** Resolves with a reply for each command; rejects if the socket ends first. */
  send({ text, encoding, count }: EncodedCommands): Promise<readonly Reply[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new Error("the connection has ended"));
        return;
      }
      this.#waiting.push({ expected: count, replies: [], resolve, reject });
      this.#socket.write(text, encoding);
    });
  }

  /** Ends the socket without calling `onEnd`. Pending sends reject. */
  destroy(error = new Error("the connection was closed")): void {
    this.#finish(error);
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const reply of this.#reader.read(chunk)) this.#deliver(reply);
    } catch (error) {
      // Later replies can't be matched to their commands.
      this.#socket.destroy(new Error(messageOf(error)));
    }
  }

  #deliver(reply: Reply): void {
    const [first] = this.#waiting;
    if (first === undefined) throw new Error("the server's answer makes no sense: nothing was asked");
    first.replies.push(reply);
    if (first.replies.length < first.expected) return;
    this.#waiting.shift();
    first.resolve(first.replies);
  }

  #end(error: Error): void {
    if (this.#finish(error)) this.#onEnd(error);
  }

  /** Returns false if it had ended already. */
  #finish(error: Error): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    return true;
  }
}

function open({ host, port, path, tls }: BrokerAddress): Socket {
  if (path !== undefined) return connect({ path });
  if (tls === undefined) return connect({ host, port });
  // Explicit `rejectUnauthorized`: NODE_TLS_REJECT_UNAUTHORIZED=0, set for another purpose, must not expose the password.
  // Loaded on demand, but not by `import()`, which Jest refuses in CommonJS modules.
  return process.getBuiltinModule("node:tls").connect({ host, port, rejectUnauthorized: true, ...tls });
}
