/** Describes the machine and its programs, without which figures mean little. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";

/** @returns {readonly (readonly [string, string])[]} what and its value */
export function machine() {
  const cores = cpus();
  return [
    ["processor", `${cores[0]?.model.trim() ?? process.arch}, ${cores.length} cores`],
    ["memory", `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ["kernel", `${type()} ${release()}`],
    ["Node", `${process.versions.node}, V8 ${process.versions.v8}`],
    ["redis-server", redisVersion()],
  ];
}

function redisVersion() {
  const text = execFileSync("redis-server", ["--version"], { encoding: "utf8" });
  return /v=(\S+)/.exec(text)?.[1] ?? text.trim();
}

/** The installed version of a package. @param {string} name */
export function versionOf(name) {
  const file = fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
  return JSON.parse(readFileSync(file, "utf8")).version;
}
