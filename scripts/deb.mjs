/**
 * Builds the Debian package: `npm run deb [-- FOLDER] [--lint]` writes `build/chouette_VERSION_all.deb`. With --lint,
 * lintian checks it, and errors fail.
 *
 * It is one package for arm64, armhf and amd64, since it contains only JavaScript, WebAssembly and text. It needs Node
 * 20.19, which Debian 13 has. Data and settings survive a removal; a purge deletes them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { agentPackage } from "./pack/agent.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const build = resolve(args.find((arg) => arg !== "--lint") ?? join(root, "build"));
const tree = join(build, "deb");
const { version } = JSON.parse(await readFile(join(root, "packages/agent/package.json"), "utf8"));

const MAINTAINER = "The Chouette authors <noreply@github.com>";

process.umask(0o022);
await rm(tree, { recursive: true, force: true });
const library = join(tree, "usr/lib/chouette");
await mkdir(library, { recursive: true });
await agentPackage.write(library);
await rm(join(library, "lib/types"), { recursive: true });
for (const name of ["LICENSE", "README.md", "chouette.service"]) await rm(join(library, name));
await mkdir(join(tree, "usr/bin"), { recursive: true });
await symlink("../lib/chouette/bin/chouette.js", join(tree, "usr/bin/chouette"));
await put(
  "usr/lib/systemd/system/chouette.service",
  await readFile(join(root, "deploy/systemd/chouette.service")),
);
await put("etc/chouette/chouette.yaml", await readFile(join(root, "deploy/debian/chouette.yaml")));
await mkdir(join(tree, "usr/share/doc/chouette"), { recursive: true });
const licences = "THIRD-PARTY-LICENSES";
await rename(join(library, licences), join(tree, "usr/share/doc/chouette", licences));
await chmod(join(library, "lib/zstd.wasm"), 0o644);
await put("usr/share/doc/chouette/copyright", copyright());
await put("usr/share/doc/chouette/changelog.gz", gzipSync(changelog(), { level: 9 }));
for (const script of ["postinst", "prerm", "postrm"])
  await put(`DEBIAN/${script}`, await readFile(join(root, "deploy/debian", script)), 0o755);
await put("DEBIAN/conffiles", "/etc/chouette/chouette.yaml\n");
await put("DEBIAN/control", control());

const file = join(build, `chouette_${version}_all.deb`);
execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], {
  stdio: ["ignore", "ignore", "inherit"],
});
await rm(tree, { recursive: true });
process.stdout.write(`${file}\n`);
if (args.includes("--lint")) lint();

function lint() {
  const { status, error } = spawnSync("lintian", ["--allow-root", "--fail-on", "error", file], {
    stdio: "inherit",
  });
  if (error !== undefined)
    process.stderr.write("NOT CHECKED: lintian is not installed (apt-get install lintian)\n");
  if (error !== undefined || status !== 0) process.exitCode = 1;
}

async function put(path, content, mode = 0o644) {
  const place = join(tree, path);
  await mkdir(join(place, ".."), { recursive: true });
  await writeFile(place, content);
  await chmod(place, mode);
}

function control() {
  return `Package: chouette
Version: ${version}
Architecture: all
Maintainer: ${MAINTAINER}
Section: net
Priority: optional
Depends: nodejs (>= 20.19)
Description: metrics and logs from a small device to Datadog
 Programs hand their metrics and logs to a broker on the device: a Redis
 server, or this agent itself. The agent aggregates them, keeps the results
 through outages and power cuts, and sends them compressed.
`;
}

function copyright() {
  return `Copyright (C) the Chouette authors.

Chouette is licensed under the Apache License, version 2.0: see
/usr/share/common-licenses/Apache-2.0. The libraries in it, with their licences:
/usr/share/doc/chouette/THIRD-PARTY-LICENSES
`;
}

/** Debian requires a changelog; ours has the changes. */
function changelog() {
  const date = new Date().toUTCString().replace("GMT", "+0000");
  return `chouette (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n -- ${MAINTAINER}  ${date}\n`;
}
