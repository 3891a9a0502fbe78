/** A real redis-server on a free loopback port, with its own folder. */
import { newFolder } from "./folders.js";
import { reservedPort } from "./ports.js";
import { type Running, run } from "./running.js";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Kills it (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
  /** Sends it a signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** @param settings further arguments, such as `["--appendonly", "yes"]` */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const port = await reservedPort();
  const folder = await newFolder();
  const start = async (): Promise<Running> => {
    const args = [
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      folder.path,
      "--save",
      "",
      ...settings,
    ];
    const running = run("redis-server", args);
    running.child.once("error", () => {});
    await running.wrote("Ready to accept connections");
    return running;
  };
  let server = await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: async () => {
      await server.end("SIGKILL");
    },
    restart: async () => {
      server = await start();
    },
    signal: (signal) => {
      server.child.kill(signal);
    },
    stop: async () => {
      await server.end("SIGKILL");
      await folder.remove();
    },
  };
}
