/** The Debian package: built, installed into an empty root, run from there, removed and purged by dpkg. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { newFolder } from "../support/folders.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const runFile = promisify(execFile);

it("installs a working command, and keeps settings and data when it is removed", async () => {
  const folder = await newFolder();
  onTestFinished(folder.remove);
  const { stdout } = await runFile(process.execPath, [join(root, "scripts/deb.mjs"), folder.path]);
  const deb = stdout.trim();
  const device = join(folder.path, "root");
  await mkdir(join(device, "var/lib/dpkg/updates"), { recursive: true });
  await mkdir(join(device, "var/lib/dpkg/info"), { recursive: true });
  await writeFile(join(device, "var/lib/dpkg/status"), "");
  await mkdir(join(device, "var/lib/chouette"), { recursive: true });
  // There is no Node in this root, and no shell for the scripts of the package.
  const dpkg = (...args: readonly string[]) =>
    runFile("dpkg", [
      `--root=${device}`,
      `--log=${join(folder.path, "dpkg.log")}`,
      "--force-depends,script-chrootless",
      ...args,
    ]);
  await dpkg("--install", deb);
  const version = await runFile(join(device, "usr/bin/chouette"), ["--version"]);
  expect(deb).toContain(`chouette_${version.stdout.trim()}_all.deb`);
  const settings = join(device, "etc/chouette/chouette.yaml");
  const checked = await runFile(join(device, "usr/bin/chouette"), [
    "config",
    "--check",
    "--config",
    settings,
  ]);
  expect(checked.stdout).toContain("set API_KEY");
  await writeFile(settings, "log_level: debug\n");
  await dpkg("--remove", "chouette");
  expect(existsSync(join(device, "usr/bin/chouette"))).toBe(false);
  expect(existsSync(settings)).toBe(true);
  expect(existsSync(join(device, "var/lib/chouette"))).toBe(true);
}, 60_000);
