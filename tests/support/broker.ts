/** The embedded broker on a free port of loopback, on a store of its own, in this process. */
import { LmdbStore, type LmdbStoreOptions } from "@chouette-iot/queue/lmdb";
import pino from "pino";
import {
  type BrokerOptions,
  type RunningBroker,
  startBroker,
} from "../../packages/agent/src/ingest/broker/listener.js";
import { newFolder } from "./folders.js";

export interface TestBroker extends RunningBroker {
  readonly port: number;
  readonly store: LmdbStore;
  /** What it logged, as JSON lines. */
  log(): string;
  /** Closes it and removes its store. */
  stop(): Promise<void>;
}

export interface TestBrokerOptions extends Partial<Omit<BrokerOptions, "store" | "log">> {
  readonly openStore?: (options: LmdbStoreOptions) => LmdbStore;
}

export async function startTestBroker({
  openStore = (options) => new LmdbStore(options),
  ...options
}: TestBrokerOptions = {}): Promise<TestBroker> {
  const folder = await newFolder();
  const store = openStore({ directory: folder.path });
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
