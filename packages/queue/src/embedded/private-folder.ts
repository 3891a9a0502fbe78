/**
 * The store's folder, for the agent's user alone.
 *
 * Promises: a folder that is made, and one that holds nothing but the store, are closed to other users, even if another
 * user made it.
 * A folder that others use as well, such as /data or /tmp, keeps its mode: the store's files in it are private themselves.
 */
import { chmod, mkdir, readdir, stat } from "node:fs/promises";

const FOLDER_MODE = 0o700;
/** Of a folder in which each user keeps files beside those of others. */
const STICKY = 0o1000;
/** What the agent has in its folder, and what a file system has. */
const OWN_NAME = /^(?:journal-|run-|reserve$|damaged-|chouette\.mdb|\.lock-|control\.sock$|lost\+found$)/;

/** @throws the system's error if the folder can neither be made nor read */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (await isShared(path)) return;
  // One that somebody else owns can't be changed, and may still be written.
  await chmod(path, FOLDER_MODE).catch(() => {});
}

async function isShared(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & STICKY) !== 0 || (await readdir(path)).some((name) => !OWN_NAME.test(name));
}
