/**
 * Builds the two published packages: `npm run pack [-- FOLDER [NAME]]`, after a build.
 *
 * Writes `build/chouette-iot-VERSION.tgz` and `build/chouette-iot-client-VERSION.tgz`. Their contents stay beside them,
 * in `build/NAME/`, for publishing and for the Debian package.
 *
 * Each package is complete: it contains our internal packages and all libraries, with their licences. Installing it
 * fetches nothing else. Why: docs/decisions/0023-packages-without-dependencies.md.
 */
import { execFileSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { agentPackage } from "./pack/agent.mjs";
import { clientPackage } from "./pack/client.mjs";
import { root } from "./pack/manifest.mjs";

const [, , to = join(root, "build"), only] = process.argv;
const build = resolve(to);
const packages = [agentPackage, clientPackage].filter(({ name }) => only === undefined || name === only);

await mkdir(build, { recursive: true });
for (const { name, write } of packages) {
  const folder = join(build, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await write(folder);
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", build], { cwd: folder });
  const [{ filename, size, unpackedSize }] = JSON.parse(`${packed}`);
  process.stdout.write(
    `${join(build, filename)}: ${kilobytes(size)}, installed ${kilobytes(unpackedSize)}\n`,
  );
}

function kilobytes(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}
