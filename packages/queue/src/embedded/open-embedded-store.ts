/**
 * Opens the store in a folder, whatever state its files are in.
 *
 * Promises: one process at a time has it open. Damage doesn't keep the agent from working: missing records are counted, or
 * reported as unknown, and unreadable files are moved away.
 */
import { basename, join } from "node:path";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { bootId } from "@chouette-iot/record/host";
import { counterName, unknownLossCounter } from "../disposition.js";
import { BlockCache } from "./block-cache.js";
import { EmbeddedStore, type StoreLimits } from "./embedded-store.js";
import { type FileSystem, realFiles } from "./files.js";
import { importLmdb, LMDB_NAME } from "./import-lmdb.js";
import type { Losses } from "./losses.js";
import { type Recovered, type RecoveryOptions, recover } from "./recover.js";
import { Room } from "./room.js";
import { EVERY_SECOND, type Fsync } from "./syncer.js";

export type { EmbeddedStore } from "./embedded-store.js";

const MEBIBYTE = 1024 * 1024;
/** Above this size, the journal's oldest segment is emptied. */
const JOURNAL_BYTES = 16 * MEBIBYTE;
/** A segment is at most a 64th of the file system. */
const SEGMENT_PART = 64;
const MIN_SEGMENT = 32 * 1024;
const DEFAULT_LIMITS: StoreLimits = {
  segmentBytes: 4 * MEBIBYTE,
  memoryBytes: 8 * MEBIBYTE,
  segments: JOURNAL_BYTES / (4 * MEBIBYTE),
  carriedBytes: 256 * 1024,
};
/** For the journal, and again for the file of version 0.1.0. systemd's timeout is longer: deploy/systemd. */
const MAX_RECOVERY_MS = 240_000;
/** How often the import of version 0.1.0's file reports progress. */
const PROGRESS_EVERY_MS = 5_000;
const MOVED_AWAY = "damaged-";

export interface OpenOptions {
  /** Created if it doesn't exist. */
  readonly folder: string;
  readonly fsync?: Fsync;
  readonly files?: FileSystem;
  readonly limits?: Partial<StoreLimits>;
  /** The machine's boot id; by default the system's. */
  readonly boot?: string;
  /** The current time, for the name of the folder that damaged files are moved to. */
  readonly now?: Milliseconds;
  /** Called with errors that belong to no call, such as a failed flush. */
  onTrouble?(error: unknown): void;
  /** Called with a reason when the disk is full, and with undefined when it no longer is. */
  onFull?(reason: string | undefined): void;
  /** Called while the journal or a former version's file is read, with the fraction that is done, from 0 to 1. */
  onProgress?(done: number): void;
  /** Maximum time for each of the two, in milliseconds: 240,000 by default. */
  readonly maxRecoveryMs?: number;
}

export interface OpenedStore {
  readonly store: EmbeddedStore;
  /** What could not be read; undefined if nothing was lost. */
  readonly losses: ReportedLosses | undefined;
  /** The import of a file of version 0.1.0, if there was one. */
  readonly takenOver: TakenOver | undefined;
}

export interface TakenOver {
  readonly records: number;
  /** Records that should be there and can't be read. */
  readonly lost: number;
  /** Whether the number of lost records is unknown. */
  readonly isUnknown: boolean;
}

export interface ReportedLosses
  extends Readonly<Pick<Losses, "lost" | "isUnknown" | "isPowerLost" | "isOtherVersion" | "damagedBytes">> {
  /** The folder that unreadable files were moved to. */
  readonly movedTo: string | undefined;
}

/** Rejects if another process has the folder, or the system refuses to create or read it. */
export async function openEmbeddedStore(options: OpenOptions): Promise<OpenedStore> {
  const { folder, files = realFiles, fsync = EVERY_SECOND, boot = bootId() ?? "" } = options;
  const {
    onTrouble = () => {},
    onFull = () => {},
    onProgress = () => {},
    now = milliseconds(Date.now()),
    maxRecoveryMs = MAX_RECOVERY_MS,
  } = options;
  await files.makeFolder(folder);
  const lock = await files.lock(folder);
  try {
    const cache = new BlockCache();
    const recovered = await recoverOrLeave({ files, folder, cache, boot, onProgress }, now, maxRecoveryMs);
    const { losses } = recovered;
    const limits = { ...DEFAULT_LIMITS, ...limitsFor(files, folder), ...options.limits };
    const onClosed = () => lock.release();
    const room = new Room(files, folder, onFull);
    // Makes the reserve. Without it nothing is moved out of memory, and an agent that only settles would not ask for it.
    await room.admits();
    const store = new EmbeddedStore(
      { folder, files, fsync, limits, boot, cache, room, onTrouble, onClosed },
      recovered,
    );
    const takenOver = await takeOverFormer(store, { files, folder, onProgress, maxRecoveryMs }, losses);
    await countLosses(store, losses);
    const movedTo = losses.hasDamage ? await leaveDamage(store, { files, folder, losses, now }) : undefined;
    return {
      store,
      takenOver,
      losses: losses.hasDamage || losses.isUnknown ? reportOf(losses, movedTo) : undefined,
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function reportOf(losses: Losses, movedTo: string | undefined): ReportedLosses {
  const { lost, isUnknown, isPowerLost, isOtherVersion, damagedBytes } = losses;
  return { lost, isUnknown, isPowerLost, isOtherVersion, damagedBytes, movedTo };
}

/** Best effort: the agent starts even on a full disk. */
async function countLosses(store: EmbeddedStore, { lost, isUnknown }: Losses): Promise<void> {
  const count = new Map([...lost].map(([queue, count]) => [counterName(queue, "damaged"), count]));
  if (isUnknown) for (const queue of store.queues()) count.set(unknownLossCounter(queue), 1);
  if (count.size === 0) return;
  await store.settle({ count }).catch(() => {});
}

type Former = Required<Pick<OpenOptions, "files" | "folder" | "onProgress" | "maxRecoveryMs">>;

/**
 * Imports the file of version 0.1.0, if there is one, and removes it once everything is on disk. If it is damaged, too large
 * for the disk or too slow to read, it will be moved away.
 */
async function takeOverFormer(
  store: EmbeddedStore,
  { files, folder, onProgress, maxRecoveryMs }: Former,
  losses: Losses,
): Promise<TakenOver | undefined> {
  if (!(await files.list(folder)).includes(LMDB_NAME)) return undefined;
  const path = join(folder, LMDB_NAME);
  try {
    const { records, lost, state, counters, isUnknown } = await importLmdb(path, {
      write: (writes) => store.write(writes),
      deadline: performance.now() + maxRecoveryMs,
      onProgress: atMostEvery(PROGRESS_EVERY_MS, onProgress),
    });
    const missing = [...lost.values()].reduce((sum, count) => sum + count, 0);
    const withLost = new Map(counters);
    for (const [queue, count] of lost) {
      const counter = counterName(queue, "damaged");
      withLost.set(counter, (counters.get(counter) ?? 0) + count);
    }
    await store.takeOver(state, withLost);
    if (isUnknown || missing > 0) losses.unreadable(path, 0);
    else await files.remove(path);
    return { records, lost: missing, isUnknown };
  } catch {
    losses.unreadable(path, 0);
    return { records: 0, lost: 0, isUnknown: true };
  }
}

function atMostEvery(ms: number, report: (done: number) => void): (done: number) => void {
  let next = performance.now() + ms;
  return (done) => {
    if (performance.now() < next) return;
    next = performance.now() + ms;
    report(done);
  };
}

/** Recovers the store. If that fails, moves all files away and starts with an empty store. */
async function recoverOrLeave(
  options: RecoveryOptions,
  now: Milliseconds,
  maxRecoveryMs: number,
): Promise<Recovered> {
  const { files, folder } = options;
  try {
    return await recover({ ...options, deadline: performance.now() + maxRecoveryMs });
  } catch {
    const names = (await files.list(folder)).filter((name) => /^(journal|run)-/.test(name));
    const paths = names.map((name) => join(folder, name));
    await moveAway(files, folder, paths, now);
    const recovered = await recover(options);
    recovered.losses.missing();
    return recovered;
  }
}

/** Best effort: on a full disk, damaged files stay in place and are reported again. */
async function leaveDamage(
  store: EmbeddedStore,
  {
    files,
    folder,
    losses,
    now,
  }: {
    readonly files: FileSystem;
    readonly folder: string;
    readonly losses: Losses;
    readonly now: Milliseconds;
  },
): Promise<string | undefined> {
  try {
    await store.rewrite();
  } catch {
    return undefined;
  }
  const left = new Set(await files.list(folder));
  const unreadable = [...losses.unreadablePaths].filter((path) => left.has(basename(path)));
  return moveAway(files, folder, unreadable, now);
}

/** Moves files to a new folder. Only the last such folder is kept, since disks are small. */
async function moveAway(
  files: FileSystem,
  folder: string,
  paths: readonly string[],
  now: Milliseconds,
): Promise<string | undefined> {
  if (paths.length === 0) return undefined;
  for (const name of await files.list(folder)) {
    if (name.startsWith(MOVED_AWAY)) await files.remove(join(folder, name));
  }
  const to = join(folder, `${MOVED_AWAY}${new Date(now).toISOString().replaceAll(":", "-")}`);
  try {
    await files.makeFolder(to);
    for (const path of paths) await files.rename(path, join(to, basename(path)));
    return to;
  } catch {
    // No space for the folder: delete the unreadable files.
    for (const path of paths) await files.remove(path);
    return undefined;
  }
}

function limitsFor(files: FileSystem, folder: string): Partial<StoreLimits> {
  const { total } = files.space(folder);
  const part = Math.max(MIN_SEGMENT, Math.floor(total / SEGMENT_PART));
  const segmentBytes = Math.min(DEFAULT_LIMITS.segmentBytes, part);
  // More but smaller segments on a small disk: the journal's total size is the same, so no more is rewritten.
  return { segmentBytes, segments: Math.ceil(JOURNAL_BYTES / segmentBytes) };
}
