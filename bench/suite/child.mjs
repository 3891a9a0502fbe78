/**
 * Runs subjects in separate processes, so that they don't influence each other by heap and compiled code.
 *
 * A subject's script calls `answer` with its functions; the measurement starts it with `startSubject` and calls them by
 * name.
 */
import { fork } from "node:child_process";

const MAX_ANSWER_MS = 180_000;

/**
 * @param {URL} script
 * @param {object} [options]
 * @param {readonly string[]} [options.nodeFlags]  such as "--expose-gc"
 * @param {Readonly<Record<string, string>>} [options.environment]  beside this process' own
 * @returns {Subject}
 *
 * @typedef {object} Subject
 * @property {number} pid
 * @property {(name: string, question?: unknown) => Promise<any>} ask  one at a time; rejects if the subject throws or ends
 * @property {() => Promise<void>} end
 */
export function startSubject(script, { nodeFlags = [], environment = {} } = {}) {
  const child = fork(script, [], {
    execArgv: [...nodeFlags],
    env: { ...process.env, ...environment },
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? code));
  });
  return {
    pid: child.pid ?? Number.NaN,
    ask: (name, question) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => child.kill("SIGKILL"), MAX_ANSWER_MS);
        const onExit = (code, signal) =>
          done(() =>
            reject(new Error(`${script.pathname} ended (${signal ?? code}) while asked to ${name}`)),
          );
        const onAnswer = ({ error, result }) =>
          done(() => (error === undefined ? resolve(result) : reject(new Error(error))));
        const done = (settle) => {
          clearTimeout(timer);
          child.off("exit", onExit).off("message", onAnswer);
          settle();
        };
        child.once("exit", onExit).once("message", onAnswer);
        child.send({ name, question });
      }),
    end: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * The subject's side: answers by name until the measurement lets go of it.
 *
 * @param {Readonly<Record<string, (question: any) => unknown>>} abilities
 */
export function answer(abilities) {
  process.on("message", async ({ name, question }) => {
    try {
      process.send?.({ result: await abilities[name](question) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) });
    }
  });
  process.once("disconnect", () => process.exit());
}
