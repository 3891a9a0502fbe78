/** A program on a free loopback port, and its process' figures from Linux. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** The kernel counts CPU time in ticks of 10 ms. */
const TICKS_A_SECOND = 100;
const KEPT_OUTPUT = 4_000;

/**
 * Starts a program that serves until it is stopped.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string | undefined>>} [environment]
 * @returns {Server}
 *
 * @typedef {object} Server
 * @property {number} pid
 * @property {() => string} output  the last that it wrote
 * @property {() => boolean} hasEnded
 * @property {() => number} cpuSeconds  user and system time so far
 * @property {() => { resident: number, peak: number }} memory  bytes
 * @property {(signal?: NodeJS.Signals) => Promise<void>} stop  by SIGTERM, or the signal that is given
 */
export function startServer(command, args, environment = process.env) {
  const child = spawn(command, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} did not start`);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output = (output + chunk).slice(-KEPT_OUTPUT);
    });
  }
  const ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
  // An interrupted run leaves nothing behind.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  ended.then(() => process.off("exit", end));
  return {
    pid,
    output: () => output,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    cpuSeconds: () => cpuSecondsOf(pid),
    memory: () => memoryOf(pid),
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
  };
}

/** A port of the loopback interface that nobody listens on. @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const port = portOf(server);
      server.close(() => resolve(port));
    });
  });
}

/** The port that a server listens on. @param {Pick<import("node:net").Server, "address">} server */
export function portOf(server) {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address.port;
}

/** The CPU time of a process, its threads included, to 10 ms. @param {number} pid */
export function cpuSecondsOf(pid) {
  const [, afterName] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = afterName.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** The resident memory of a process, now and at most, in bytes. @param {number} pid */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
  return { resident: bytes("VmRSS"), peak: bytes("VmHWM") };
}
