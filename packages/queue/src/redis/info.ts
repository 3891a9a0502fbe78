/** Parses the reply to Redis' INFO. */

/** Values by name. */
export type Info = ReadonlyMap<string, string>;

export function parseInfo(text: string): Info {
  const lines = text.matchAll(/^([\w-]+):(.*?)\r?$/gm);
  return new Map([...lines].map(([, name = "", value = ""]) => [name, value]));
}
