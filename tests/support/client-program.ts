/** Programs that use the built client, each a process with its own source file. */

import { writeFileSync } from "node:fs";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";
import { newFolder } from "./folders.js";
import { type Running, run } from "./running.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The built client, to be imported by a program. */
export const CLIENT = join(root, "packages/client/dist/index.js");

export interface ClientPrograms {
  /** For the spill of a test's programs. */
  readonly spillFolder: string;
  /** A folder from which the project's libraries can be imported. */
  readonly folder: string;
  /** Starts a program that has `ChouetteClient` and `spill`, the option. */
  start(body: string, port: number): Running;
  /** Another copy of the client's code: the file to import. */
  copyOfClient(): Promise<string>;
}

/** Fresh folders for each test of a file. */
export function clientPrograms(): ClientPrograms {
  let programs = 0;
  let scripts: Awaited<ReturnType<typeof newFolder>> | undefined;
  let spill: Awaited<ReturnType<typeof newFolder>> | undefined;
  beforeEach(async () => {
    spill = await newFolder();
    scripts = await newFolder();
    await symlink(join(root, "node_modules"), join(scripts.path, "node_modules"));
  });
  afterEach(async () => {
    await spill?.remove();
    await scripts?.remove();
  });
  const pathOf = (folder: typeof scripts): string => {
    if (folder === undefined) throw new Error("the folders are there from the first test on");
    return folder.path;
  };
  return {
    get spillFolder() {
      return pathOf(spill);
    },
    get folder() {
      return pathOf(scripts);
    },
    start: (body, port) => {
      const source = `
        import { ChouetteClient } from ${JSON.stringify(CLIENT)};
        const spill = { folder: ${JSON.stringify(pathOf(spill))} };
        ${body}`;
      const file = join(pathOf(scripts), `program-${programs++}.mjs`);
      writeFileSync(file, source);
      return run(process.execPath, [file], {
        env: { REDIS_HOST: "127.0.0.1", REDIS_PORT: `${port}`, REDIS_URL: undefined },
      });
    },
    copyOfClient: async () => {
      const copy = join(pathOf(scripts), "copy");
      await cp(join(root, "packages/client/dist"), copy, { recursive: true });
      await cp(join(root, "packages/client/package.json"), join(copy, "package.json"));
      return join(copy, "index.js");
    },
  };
}
