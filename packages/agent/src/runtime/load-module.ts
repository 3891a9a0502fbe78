/** Modules of the user's, by the names that settings give them. */
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * @param name a path from the working folder (`./wrapper.mjs`, `/etc/chouette/wrapper.mjs`), or a package that is installed
 * beside the agent. Rejects as `import` does
 */
export async function loadModule(name: string): Promise<Readonly<Record<string, unknown>>> {
  const isPath = name.startsWith(".") || isAbsolute(name);
  return await import(isPath ? pathToFileURL(resolve(name)).href : name);
}
