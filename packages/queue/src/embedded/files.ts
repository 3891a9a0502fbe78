/**
 * The embedded engine's file operations, behind an interface so that tests can record them, slow them down and make them
 * fail. Operations that may wait for the disk are asynchronous, except writes to the system's cache.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  read,
  statfsSync,
  write,
  writeSync,
} from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { type FolderLock, lockFolder } from "./folder-lock.js";
import { makePrivateFolder } from "./private-folder.js";

/** An open file. Positions and lengths are bytes. */
export interface StoreFile {
  /** Writes all bytes to the system's cache, which survives the process. Throws the system's error; a part may be written. */
  writeNow(bytes: Buffer, position: number): void;
  /** Like `writeNow`, in the thread pool. */
  write(bytes: Buffer, position: number): Promise<void>;
  /** Fills the buffer, or less at the end of the file. @returns the number of bytes */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Resolves when all written bytes are on disk. */
  sync(): Promise<void>;
  truncate(length: number): void;
  size(): number;
  close(): void;
}

export interface FileSystem {
  /** Rejects if another process has the folder open. */
  lock(folder: string): Promise<FolderLock>;
  /** Creates the folder, or restricts it to the agent's user unless others use it as well: see `private-folder.ts`. */
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
  /** Creates or empties a file that only the agent's user can read and write. */
  create(path: string): StoreFile;
  openForReading(path: string): StoreFile;
  readWhole(path: string): Promise<Buffer>;
  /** Makes created and removed names in the folder durable. */
  syncFolder(folder: string): Promise<void>;
  /** Truncates a file durably. */
  shorten(path: string, bytes: number): Promise<void>;
  /** Renames a file durably, replacing any other of that name. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Total and available bytes of the folder's file system. */
  space(folder: string): { readonly total: number; readonly free: number };
}

const FILE_MODE = 0o600;

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);
const readAsync = promisify(read);
const writeAsync = promisify(write);

export const realFiles: FileSystem = {
  lock: lockFolder,
  makeFolder: makePrivateFolder,
  list: (folder) => readdir(folder),
  create: (path) => openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC),
  openForReading: (path) => openFile(path, constants.O_RDONLY),
  readWhole: (path) => readFile(path),
  rename: async (from, to) => {
    await rename(from, to);
    await syncFolder(dirname(to));
  },
  syncFolder,
  shorten: async (path, bytes) => {
    const handle = await open(path, "r+");
    try {
      await handle.truncate(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  },
  remove: (path) => rm(path, { force: true, recursive: true }),
  space: (folder) => {
    const { bsize, blocks, bavail } = statfsSync(folder);
    return { total: bsize * blocks, free: bsize * bavail };
  },
};

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await syncAll(handle.fd);
  } finally {
    await handle.close();
  }
}

function openFile(path: string, flags: number): StoreFile {
  const file = openSync(path, flags, FILE_MODE);
  return {
    writeNow: (bytes, position) => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(file, bytes, done, bytes.length - done, position + done);
      }
    },
    write: async (bytes, position) => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await writeAsync(file, bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    },
    read: async (buffer, position) => {
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await readAsync(file, buffer, done, buffer.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    sync: () => syncData(file),
    truncate: (length) => ftruncateSync(file, length),
    size: () => fstatSync(file).size,
    close: () => closeSync(file),
  };
}
