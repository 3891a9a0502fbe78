/**
 * The lock of a store's folder: at most one process has it.
 *
 * A lock is a Unix socket in the folder, which stops answering when its process ends in any way. To take the lock, a process
 * creates its own socket first and then looks for others that answer; if one does, it removes its own. Two processes that
 * start together may see each other and both retry, but never both get the lock. A socket left behind by a dead process
 * refuses connections and is removed; names are never reused.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { constants, existsSync, readdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";

export interface FolderLock {
  release(): Promise<void>;
}

class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";

  constructor(directory: string) {
    super(`another process has the store in ${directory} open`);
  }
}

const PREFIX = ".lock-";
const newName = () => `${PREFIX}${randomUUID().slice(0, 8)}`;
/** Of a socket's path: Linux allows 107 and macOS 103, and a longer path would be cut off silently. */
const MAX_PATH_BYTES = 103;
const TRIES = 8;
/** Maximum pause between attempts: together they wait about half a second for a former holder that is just exiting. */
const MAX_PAUSE_MS = 120;

/** Takes the lock. Rejects with a FolderInUseError if another process has it. */
export async function lockFolder(directory: string): Promise<FolderLock> {
  const folder = await openFolder(directory);
  try {
    const own = await takeLock(directory, folder.path);
    const release = async () => {
      await close(own);
      await folder.close();
    };
    return { release };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** @param path of the directory, as it is used for sockets */
async function takeLock(directory: string, path: string): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const name = newName();
    const own = await listenOn(join(path, name));
    const others = readdirSync(directory).filter((other) => other.startsWith(PREFIX) && other !== name);
    const answers = await Promise.all(others.map((other) => answersOrIsRemoved(join(path, other))));
    // Before it listened, another process may have removed it as left behind.
    if (!answers.includes(true) && existsSync(join(path, name))) return own;
    await close(own);
    if (attempt === TRIES) throw new FolderInUseError(directory);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_PAUSE_MS));
  }
}

/**
 * A path of the directory that is short enough for its sockets: as it is, relative, or on Linux through a descriptor, until it
 * is closed.
 */
async function openFolder(directory: string): Promise<{ readonly path: string; close(): Promise<void> }> {
  const paths = [directory, relative(process.cwd(), directory)];
  const path = paths.find((path) => Buffer.byteLength(join(path, newName())) <= MAX_PATH_BYTES);
  if (path !== undefined) return { path, close: async () => {} };
  if (process.platform !== "linux") throw new Error(`the path ${directory} is too long for a store's folder`);
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

async function listenOn(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, "listening");
  server.unref();
  return server;
}

async function answersOrIsRemoved(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ECONNREFUSED") rmSync(path, { force: true });
    // Any other error (a full queue of connections, missing rights) means that a process is listening.
    return code !== "ECONNREFUSED" && code !== "ENOENT";
  } finally {
    socket.destroy();
  }
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
