/**
 * Sets up a clone: dependencies, the build, and with --test the system packages for the tests.
 *
 * Does only what is missing, so that every start and every test run can call it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Debian's packages that the tests start: the program that shows that each is there, and its package. */
const FOR_TESTS = [
  { has: () => runs("redis-server", ["--version"]), package: "redis-server" },
  { has: () => runs("redis-cli", ["--version"]), package: "redis-tools" },
  { has: () => runs("/usr/bin/python3", ["-c", "import redis"]), package: "python3-redis" },
  { has: () => runs("/usr/bin/python3", ["-c", "import statsd"]), package: "python3-statsd" },
  // The collectors' sources: Docker with an image made of busybox, Mosquitto, a kubelet's certificates; and tools to compare with.
  { has: () => runs("dockerd", ["--version"]), package: "docker.io" },
  { has: () => runs("runc", ["--version"]), package: "runc" },
  { has: () => runs("/bin/busybox", ["true"]), package: "busybox-static" },
  { has: () => runs("which", ["mosquitto"]), package: "mosquitto" },
  { has: () => runs("openssl", ["version"]), package: "openssl" },
  { has: () => runs("vmstat", ["--version"]), package: "procps" },
  { has: () => runs("systemd-analyze", ["--version"]), package: "systemd" },
  // The dashboard is tested in a browser, which needs a font.
  { has: () => runs("chromium", ["--version"]), package: "chromium" },
  { has: () => existsSync("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"), package: "fonts-dejavu-core" },
];

checkNode();
installDependencies();
build();
if (process.argv.includes("--test")) installForTests();

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Chouette needs Node 20.19 or later; this is ${process.versions.node}.`);
}

function installDependencies() {
  const installed = `${root}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs)
    return;
  say("Installing dependencies …");
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}

function build() {
  // Incremental: fast if nothing has changed.
  run(process.execPath, [
    `${root}node_modules/typescript/${typescriptCommand()}`,
    "-b",
    "packages/agent",
    "packages/client",
  ]);
}

function typescriptCommand() {
  return JSON.parse(readFileSync(`${root}node_modules/typescript/package.json`, "utf8")).bin.tsc;
}

function installForTests() {
  const missing = FOR_TESTS.filter(({ has }) => !has()).map((entry) => entry.package);
  if (missing.length === 0) return;
  const command = aptCommand();
  if (command === undefined) {
    fail(
      `The tests need ${missing.join(", ")} (names of Debian's packages). Install them and run this again.`,
    );
  }
  say(`Installing ${missing.join(", ")} for the tests …`);
  const quiet = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  run(command[0], [...command.slice(1), "update", "-qq"], quiet);
  // A package's own service must not start: the tests start servers of their own.
  const options = ["-y", "-qq", "-o", "Dpkg::Options::=--force-confdef", "--no-install-recommends"];
  run(command[0], [...command.slice(1), "install", ...options, ...missing], {
    env: { ...quiet.env, RUNLEVEL: "1" },
  });
}

/** How to call apt-get as root; undefined if that needs a password. */
function aptCommand() {
  if (!runs("apt-get", ["--version"])) return undefined;
  if (process.getuid?.() === 0) return ["apt-get"];
  return runs("sudo", ["-n", "true"]) ? ["sudo", "-n", "apt-get"] : undefined;
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function run(command, args, options = {}) {
  try {
    execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
  } catch {
    fail(`${command} ${args.join(" ")} failed.`);
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @returns {never} */
function fail(text) {
  say(text);
  process.exit(1);
}
