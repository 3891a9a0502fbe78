/**
 * Creates the store's folder and restricts it to the agent's user.
 *
 * Promises: a new folder, and one that contains only the store, are closed to other users.
 * A folder that others use as well, such as /data or /tmp, keeps its mode: the store's files in it are private themselves.
 */
import { chmod, mkdir, readdir, stat } from "node:fs/promises";

const FOLDER_MODE = 0o700;
/** The mode bit of folders that users share, such as /tmp. */
const STICKY = 0o1000;
/** Names that the agent, or a file system, creates in the folder. */
const OWN_NAME = /^(?:journal-|run-|reserve$|damaged-|chouette\.mdb|\.lock-|control\.sock$|lost\+found$)/;

/** Rejects with the system's error if the folder can neither be created nor read. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (await isShared(path)) return;
  // Another user's folder can't be changed, but may be writable.
  await chmod(path, FOLDER_MODE).catch(() => {});
}

async function isShared(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & STICKY) !== 0 || (await readdir(path)).some((name) => !OWN_NAME.test(name));
}
