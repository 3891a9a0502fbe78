/**
 * Opens the store of a folder, whatever state it is in.
 *
 * Promises: one process at a time has it. A file that is damaged, by a power cut or a worn card, doesn't keep the
 * agent from its work: what can be read goes into a new file, the damaged one is set aside under the time, and
 * what is missing is counted. A crash on the way leaves the damaged file where it was, and the next start begins
 * again. Only the damaged file that was set aside last is kept, since the disk is small.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Milliseconds } from "@chouette-iot/record";
import { isWhole } from "./damaged-file.js";
import { FILE_NAME } from "./file-format.js";
import { lockFolder } from "./folder-lock.js";
import { LmdbStore, type LmdbStoreOptions } from "./lmdb-store.js";
import { type Recovered, recover } from "./recover.js";

export interface OpenedStore {
  readonly store: LmdbStore;
  /** Where the file was damaged: the folder that it was moved to, and what became of its entries. */
  readonly setAside?: Recovered & { readonly folder: string };
}

const ASIDE = "damaged-";
const RECOVERING = "recovering";

/** @param now the time, for the name of a file that is set aside */
export async function openLmdbStore(
  options: Omit<LmdbStoreOptions, "lock">,
  now: Milliseconds,
): Promise<OpenedStore> {
  const { directory } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(directory);
  try {
    const file = join(directory, FILE_NAME);
    const recovering = join(directory, RECOVERING);
    const open = () => new LmdbStore({ ...options, lock });
    if (!existsSync(file)) {
      // The step between the two renames below.
      if (existsSync(join(recovering, FILE_NAME))) renameSync(join(recovering, FILE_NAME), file);
      else return { store: open() };
    }
    rmSync(recovering, { recursive: true, force: true });
    if (await isWhole(directory)) return { store: open() };
    const recovered = await recover(directory, recovering);
    const folder = join(directory, `${ASIDE}${new Date(now).toISOString().replaceAll(":", "-")}`);
    for (const old of readdirSync(directory).filter((name) => name.startsWith(ASIDE))) {
      rmSync(join(directory, old), { recursive: true });
    }
    mkdirSync(folder);
    renameSync(file, join(folder, FILE_NAME));
    renameSync(join(recovering, FILE_NAME), file);
    rmSync(recovering, { recursive: true, force: true });
    return { store: open(), setAside: { ...recovered, folder } };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
