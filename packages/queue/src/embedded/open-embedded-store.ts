/**
 * Opens the store of a folder, whatever state it is in.
 *
 * Promises: one process at a time has it. What can't be read doesn't keep the agent from its work: what is missing is
 * counted, or reported as unknown, and files of which nothing can be read are moved away.
 */
import { basename, join } from "node:path";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { bootId } from "@chouette-iot/record/host";
import { counterName, unknownLossCounter } from "../disposition.js";
import { BlockCache } from "./block-cache.js";
import { EmbeddedStore, type StoreLimits } from "./embedded-store.js";
import { type FileSystem, realFiles } from "./files.js";
import { EVERY_SECOND, type Fsync } from "./fsync.js";
import { importLmdb, LMDB_NAME } from "./import-lmdb.js";
import type { Losses } from "./losses.js";
import { type Recovered, type RecoveryOptions, recover } from "./recover.js";

export type { EmbeddedStore } from "./embedded-store.js";

const MEBIBYTE = 1024 * 1024;
/** From this length on, the journal's oldest segment is emptied. */
const JOURNAL_BYTES = 16 * MEBIBYTE;
/** A segment is at most this part of the file system. */
const SEGMENT_PART = 64;
const MIN_SEGMENT = 32 * 1024;
const DEFAULT_LIMITS: StoreLimits = {
  segmentBytes: 4 * MEBIBYTE,
  memoryBytes: 8 * MEBIBYTE,
  segments: JOURNAL_BYTES / (4 * MEBIBYTE),
  carriedBytes: 256 * 1024,
};
/** For each of the two: the journal, and the file of version 0.1.0. systemd waits for longer: deploy/systemd. */
const MAX_RECOVERY_MS = 240_000;
/** Of a former version's file, which may have a million records. */
const PROGRESS_EVERY_MS = 5_000;
const MOVED_AWAY = "damaged-";

export interface OpenOptions {
  /** Made if it isn't there. */
  readonly folder: string;
  readonly fsync?: Fsync;
  readonly files?: FileSystem;
  readonly limits?: Partial<StoreLimits>;
  /** The machine's boot; the system is asked for it by default. */
  readonly boot?: string;
  /** The time, for the name of a folder that files are moved to. */
  readonly now?: Milliseconds;
  /** Called with what goes wrong beside the calls. */
  onTrouble?(error: unknown): void;
  /** Called with a reason when the disk is full, and with undefined when it isn't any more. */
  onFull?(reason: string | undefined): void;
  /** Called while the journal or a former version's file is read, with the part that is done, from 0 to 1. */
  onProgress?(done: number): void;
  /** How long each of these may take, in milliseconds: 240,000 by default. */
  readonly maxRecoveryMs?: number;
}

export interface OpenedStore {
  readonly store: EmbeddedStore;
  /** What could not be read, if there was any. */
  readonly losses?: ReportedLosses;
  /** If there was a file of version 0.1.0: numbers of its records. */
  readonly takenOver: TakenOver | undefined;
}

export interface TakenOver {
  readonly records: number;
  /** Records that should be there and can't be read. */
  readonly lost: number;
  /** Whether it isn't known what should be there. */
  readonly isUnknown: boolean;
}

export interface ReportedLosses {
  /** By queue, records that are missing. */
  readonly lost: ReadonlyMap<string, number>;
  /** Whether more may be missing than that. */
  readonly isUnknown: boolean;
  /** Whether the machine stopped before what was confirmed last was on disk. */
  readonly isPowerLost: boolean;
  /** Whether another version of Chouette wrote the files. */
  readonly isOtherVersion: boolean;
  readonly damagedBytes: number;
  /** The folder that files were moved to of which nothing could be read. */
  readonly movedTo?: string;
}

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
    const store = new EmbeddedStore(
      { folder, files, fsync, limits, boot, cache, onTrouble, onFull, onClosed },
      recovered,
    );
    const takenOver = await takeOverFormer(store, { files, folder, onProgress, maxRecoveryMs }, losses);
    await countLosses(store, losses);
    const movedTo = losses.any ? await leaveDamage(store, { files, folder, losses, now }) : undefined;
    return {
      store,
      takenOver,
      ...(losses.any || losses.isUnknown ? { losses: reportOf(losses, movedTo) } : {}),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function reportOf(losses: Losses, movedTo: string | undefined): ReportedLosses {
  const { lost, isUnknown, isPowerLost, isOtherVersion, damagedBytes } = losses;
  const report = { lost, isUnknown, isPowerLost, isOtherVersion, damagedBytes };
  return movedTo === undefined ? report : { ...report, movedTo };
}

/** Best effort: a disk that is full doesn't keep the agent from starting. */
async function countLosses(store: EmbeddedStore, { lost, isUnknown }: Losses): Promise<void> {
  const count = new Map([...lost].map(([queue, count]) => [counterName(queue, "damaged"), count]));
  if (isUnknown) for (const queue of store.queues()) count.set(unknownLossCounter(queue), 1);
  if (count.size === 0) return;
  await store.settle({ count }).catch(() => {});
}

type Former = Required<Pick<OpenOptions, "files" | "folder" | "onProgress" | "maxRecoveryMs">>;

/**
 * Takes over the file of version 0.1.0, if there is one, and removes it once all is on disk. One that is damaged, that
 * the disk has no room for, or that takes too long to read, is to be moved away.
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

/** Whatever goes wrong while the files are read, they are moved away, and the store begins with nothing. */
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

/** Best effort: without room, what is damaged stays in place, and is reported again. */
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

/** Only what was moved away last is kept, since the disk is small. */
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
    // There is no room for a folder: what can't be read goes, so that it isn't in the way.
    for (const path of paths) await files.remove(path);
    return undefined;
  }
}

function limitsFor(files: FileSystem, folder: string): Partial<StoreLimits> {
  const { total } = files.space(folder);
  const part = Math.max(MIN_SEGMENT, Math.floor(total / SEGMENT_PART));
  const segmentBytes = Math.min(DEFAULT_LIMITS.segmentBytes, part);
  // The same length in all: on a small disk nothing is written again for the sake of fewer segments.
  return { segmentBytes, segments: Math.ceil(JOURNAL_BYTES / segmentBytes) };
}
