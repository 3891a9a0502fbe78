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
import { existsSync, readdirSync, rmSync } from "node:fs";
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
const TRIES = 8;
/** Maximum pause between attempts: together they wait about half a second for a former holder that is just exiting. */
const MAX_PAUSE_MS = 120;

/** Takes the lock. Rejects with a FolderInUseError if another process has it. */
export async function lockFolder(directory: string): Promise<FolderLock> {
  for (let attempt = 1; ; attempt++) {
    const name = `${PREFIX}${randomUUID().slice(0, 8)}`;
    const own = await listenOn(join(directory, name));
    const others = readdirSync(directory).filter((other) => other.startsWith(PREFIX) && other !== name);
    const answers = await Promise.all(others.map((other) => answersOrIsRemoved(join(directory, other))));
    const release = () => close(own);
    // Before it listened, another process may have removed it as left behind.
    if (!answers.includes(true) && existsSync(join(directory, name))) return { release };
    await release();
    if (attempt === TRIES) throw new FolderInUseError(directory);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_PAUSE_MS));
  }
}

async function listenOn(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(shortestPath(path));
  await once(server, "listening");
  server.unref();
  return server;
}

async function answersOrIsRemoved(path: string): Promise<boolean> {
  const socket = connect(shortestPath(path));
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

/** Socket paths are limited to about 100 bytes: use the relative one if it is shorter. */
function shortestPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}
