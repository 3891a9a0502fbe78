/**
 * An embedded store without files: they are /dev/null. The agent uses it to warm up its code.
 *
 * It is the real engine, so V8 compiles the code that clients' calls use later. Its records are only in memory: don't store
 * more than a few MB, beyond which records go to a run, which can't be read back.
 */
import type { BrokerStore } from "../broker-store.js";
import { type FileSystem, realFiles } from "./files.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

/** A null device can't be flushed, so never try: the longest delay of a timer, in milliseconds. */
const NEVER = 2 ** 31 - 1;
const NULL_DEVICE = "/dev/null";
const NO_LIMIT = 2 ** 40;

const nullFiles: FileSystem = {
  lock: async () => ({ release: async () => {} }),
  makeFolder: async () => {},
  list: async () => [],
  create: () => realFiles.create(NULL_DEVICE),
  openForReading: () => realFiles.openForReading(NULL_DEVICE),
  readWhole: async () => Buffer.alloc(0),
  syncFolder: async () => {},
  shorten: async () => {},
  rename: async () => {},
  remove: async () => {},
  space: () => ({ total: NO_LIMIT, free: NO_LIMIT }),
};

export async function openScratchStore(): Promise<BrokerStore> {
  const { store } = await openEmbeddedStore({ folder: "scratch", fsync: NEVER, files: nullFiles, boot: "" });
  return store;
}
