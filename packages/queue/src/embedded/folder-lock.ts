/**
 * The lock of a store's folder: at most one process has its file open.
 *
 * It is a Unix socket in the folder, which ends with its process, however that ends. Anyone who wants the lock makes
 * its own socket first, then looks for others that answer; if there is one, it takes its own back. Two
 * that come at once may see each other and both step back, but never both have it. What a process that is gone
 * left behind refuses to answer and is removed; no name comes twice.
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
/** A former holder that is just ending is waited for about this long in all, in milliseconds. */
const MAX_PAUSE_MS = 120;

/** Rejects with a FolderInUseError while another process has it. */
export async function lockFolder(directory: string): Promise<FolderLock> {
  for (let attempt = 1; ; attempt++) {
    const name = `${PREFIX}${randomUUID().slice(0, 8)}`;
    const own = await listenOn(join(directory, name));
    const others = readdirSync(directory).filter((other) => other.startsWith(PREFIX) && other !== name);
    const answers = await Promise.all(others.map((other) => answersOrIsRemoved(join(directory, other))));
    const release = () => closed(own);
    // Another may have taken it for left behind, between its making and its first answer.
    if (!answers.includes(true) && existsSync(join(directory, name))) return { release };
    await release();
    if (attempt === TRIES) throw new FolderInUseError(directory);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_PAUSE_MS));
  }
}

async function listenOn(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(shortest(path));
  await once(server, "listening");
  server.unref();
  return server;
}

async function answersOrIsRemoved(path: string): Promise<boolean> {
  const socket = connect(shortest(path));
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ECONNREFUSED") rmSync(path, { force: true });
    // It is full of others who ask, or may not be asked: there is somebody.
    return code !== "ECONNREFUSED" && code !== "ENOENT";
  } finally {
    socket.destroy();
  }
}

async function closed(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}

/** A socket's path has room for some 100 bytes only. */
function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}
