/**
 * Datadog's API key: given outright, or in a file that may be replaced while the agent runs.
 *
 * The key appears in a header of requests and nowhere else: in no message, no URL, no error.
 */
import { readFile } from "node:fs/promises";

export interface ApiKey {
  readonly current: string;
  /** Reads it again if it can be read again. Resolves with whether it is another one than before. */
  renew(): Promise<boolean>;
}

export function fixedKey(key: string): ApiKey {
  return { current: key, renew: async () => false };
}

/** Rejects if the file can't be read or holds nothing; later on, the last key that was read stays. */
export async function keyFromFile(path: string): Promise<ApiKey> {
  let current = await readKey(path);
  return {
    get current() {
      return current;
    },
    renew: async () => {
      const before = current;
      current = await readKey(path).catch(() => before);
      return current !== before;
    },
  };
}

async function readKey(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`API_KEY_FILE can't be read: ${cause.message}`, { cause });
  });
  const key = text.trim();
  // What a header can't carry is no key, and would come back in the error of anyone who tried.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Error(`API_KEY_FILE holds no key: ${path}`);
  return key;
}
