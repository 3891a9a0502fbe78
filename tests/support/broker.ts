/** The embedded broker on a free port of loopback, on a store of its own, in this process. */
import { type EmbeddedStore, type OpenOptions, openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { type FileSystem, realFiles } from "@chouette-iot/queue/embedded/files";
import pino from "pino";
import { afterEach, beforeEach } from "vitest";
import {
  type BrokerOptions,
  type RunningBroker,
  startBroker,
} from "../../packages/agent/src/ingest/redis-protocol/listener.js";
import { newFolder } from "./folders.js";

export interface TestBroker extends RunningBroker {
  readonly port: number;
  readonly store: EmbeddedStore;
  /** Its log, as JSON lines. */
  log(): string;
  /** Closes it and removes its store. */
  stop(): Promise<void>;
}

export interface TestBrokerOptions extends Partial<Omit<BrokerOptions, "store" | "log">> {
  /** The file system of its store. */
  readonly files?: FileSystem;
  /** When its store flushes; every second by default. */
  readonly fsync?: NonNullable<OpenOptions["fsync"]>;
}

export async function startTestBroker({
  files = realFiles,
  fsync = 1_000,
  ...options
}: TestBrokerOptions = {}): Promise<TestBroker> {
  const folder = await newFolder();
  const { store } = await openEmbeddedStore({ folder: folder.path, files, fsync });
  let lines = "";
  const keep = (line: string) => {
    lines += line;
  };
  const log = pino({ level: "debug" }, { write: keep });
  const broker = await startBroker({ host: "127.0.0.1", port: 0, ...options, store, log });
  return {
    ...broker,
    port: broker.address.port,
    store,
    log: () => lines,
    stop: async () => {
      await broker.close();
      await store.close();
      await folder.remove();
    },
  };
}

/** A broker for each test of a file, which may use one with other options instead. */
export function brokerPerTest() {
  let broker: TestBroker;
  beforeEach(async () => {
    broker = await startTestBroker();
  });
  afterEach(() => broker.stop());
  return {
    current: () => broker,
    use: async (options: TestBrokerOptions): Promise<void> => {
      await broker.stop();
      broker = await startTestBroker(options);
    },
  };
}
