/** File operations of the spill, and their fallbacks when one fails. */
import {
  accessSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { dirname } from "node:path";

/** Whether the open file is still the one at this path: its folder may be removed, moved or replaced at any time. */
export function isStillAt(path: string, file: number): boolean {
  try {
    return statSync(path).ino === fstatSync(file).ino;
  } catch {
    return false;
  }
}

/** The size of a file that this process can read and write; undefined for anything else. */
export function usableBytes(path: string): number | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    const stats = statSync(path);
    return stats.isFile() ? stats.size : undefined;
  } catch {
    return undefined;
  }
}

/** Removes a file, or empties it if the folder refuses, so that it isn't sent again. Throws if neither is possible. */
export function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    truncateSync(path, 0);
  }
}

/** Renames an unreadable file, so that no process tries it again. Returns its new path, or undefined if that fails. */
export function moveAway(path: string): string | undefined {
  try {
    renameSync(path, `${path}.unreadable`);
    return `${path}.unreadable`;
  } catch {
    return undefined;
  }
}

/** Creates a folder and its parents. Not by `recursive`: if a parent fails with ENOENT, as in /proc, Node 20 hangs. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(path)) throw error;
  }
}
