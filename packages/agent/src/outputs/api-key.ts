/**
 * Datadog's API key: from a setting, or from a file that may be replaced while the agent runs.
 *
 * The key is only used in a header of requests. It appears in no message, URL or error.
 */
import { readFile } from "node:fs/promises";

export interface ApiKey {
  readonly current: string;
  /** Reads the file again, if there is one. Resolves with whether the key has changed. Never rejects. */
  renew(): Promise<boolean>;
}

export function fixedKey(key: string): ApiKey {
  return { current: key, renew: async () => false };
}

/** Rejects if the file can't be read or has no key. If that happens later, the last key is kept. */
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
  // A text that isn't valid in a header would appear in Node's error message.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Error(`API_KEY_FILE has no valid key: ${path}`);
  return key;
}
