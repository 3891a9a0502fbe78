/**
 * An embedded store that keeps nothing on disk: its files are /dev/null. The agent warms up its code with it.
 *
 * It is the real engine, so that what V8 learns and compiles is what clients' calls use afterwards. It holds what memory
 * holds, up to the limit from which on records go to a run: that can't be read back, so don't store more than a few MB.
 */
import type { BrokerStore } from "../broker-store.js";
import { type FileSystem, realFiles } from "./files.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

/** Longer than any use: a null device can't be flushed. In milliseconds, the longest that a timer takes. */
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
