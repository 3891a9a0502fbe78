/** Loads the user's modules, such as a wrapper, by the names in the settings. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Rejects as `import` does.
 * @param name a path (`./wrapper.mjs` in the working directory, `/etc/chouette/wrapper.mjs`), or a package that is
 * installed next to the agent
 */
export async function loadModule(name: string): Promise<Readonly<Record<string, unknown>>> {
  const isPath = name.startsWith(".") || isAbsolute(name);
  return await import(isPath ? pathToFileURL(resolve(name)).href : name);
}
