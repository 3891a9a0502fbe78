/** How a process ends with clients in it. Signals are delivered as Node does, to the listeners; none is sent. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ExitHooks, onProcessExit } from "./exit-hooks.js";

const EVENTS = ["beforeExit", "exit", "SIGTERM", "SIGINT"] as const;
const FOUR = Symbol.for("signal-exit emitter");
const THREE = "__signal_exit_emitter__";
/** The listeners of the test runner, which are put back at the end. */
let others: ReadonlyMap<string, readonly NodeJS.ExitListener[]>;
let removals: (() => void)[];
let received: string[];
let killed: unknown[][];

const listenersOf = (event: string): readonly NodeJS.ExitListener[] =>
  process.rawListeners(event) as NodeJS.ExitListener[];

beforeEach(() => {
  others = new Map(EVENTS.map((event) => [event, listenersOf(event)]));
  for (const event of EVENTS) process.removeAllListeners(event);
  removals = [];
  received = [];
  killed = [];
  vi.spyOn(process, "kill").mockImplementation((...args) => {
    killed.push(args);
    return true;
  });
});
afterEach(() => {
  for (const remove of removals) remove();
  vi.restoreAllMocks();
  for (const [event, listeners] of others) {
    process.removeAllListeners(event);
    for (const listener of listeners) process.on(event, listener);
  }
  Reflect.deleteProperty(globalThis, FOUR);
  Reflect.deleteProperty(process, THREE);
});

function register(name: string, signal: ExitHooks["signal"]): () => void {
  const remove = onProcessExit({
    beforeExit: () => received.push(`${name} before exit`),
    exit: () => received.push(`${name} exit`),
    signal,
  });
  removals.push(remove);
  return remove;
}

const hears = (name: string) => async () => received.push(`${name} signal`);
const counts = () => EVENTS.map((event) => process.listenerCount(event));

/** As Node does on a signal. */
async function raise(signal: "SIGTERM" | "SIGINT"): Promise<void> {
  const all = process.listeners(signal) as ((signal: NodeJS.Signals) => unknown)[];
  await Promise.all(all.map((listener) => listener(signal)));
}

test("there is one listener for each kind of exit, however many clients there are, and none after the last", () => {
  const first = register("a", undefined);
  const second = register("b", undefined);
  expect(counts()).toEqual([1, 1, 0, 0]);
  const third = register("c", hears("c"));
  const fourth = register("d", hears("d"));
  expect(counts()).toEqual([1, 1, 1, 1]);
  for (const event of ["beforeExit", "exit"]) for (const listener of listenersOf(event)) listener(0);
  expect(received).toEqual(
    ["a", "b", "c", "d"]
      .flatMap((name) => `${name} before exit`)
      .concat(["a", "b", "c", "d"].map((name) => `${name} exit`)),
  );
  third();
  expect(counts()).toEqual([1, 1, 1, 1]);
  fourth();
  first();
  expect(counts()).toEqual([1, 1, 0, 0]);
  second();
  expect(counts()).toEqual([0, 0, 0, 0]);
  // And again.
  register("e", undefined);
  expect(counts()).toEqual([1, 1, 0, 0]);
});

describe("a signal", () => {
  test.each([
    "SIGTERM",
    "SIGINT",
  ] as const)("(%s) ends the process once every client has sent its records", async (signal) => {
    let sent = () => {};
    register("a", undefined);
    register("b", () => Promise.reject(new Error("no broker")));
    register("c", () => new Promise<void>((resolve) => (sent = resolve)));
    const raised = raise(signal);
    await new Promise(setImmediate);
    expect([killed, received, process.listenerCount(signal)]).toEqual([[], [], 1]);
    sent();
    await raised;
    expect(received).toEqual(["a exit", "b exit", "c exit"]);
    expect([killed, counts().slice(2)]).toEqual([[[process.pid, signal]], [0, 0]]);
  });

  test("that the program handles is left to it, once the clients have sent their records", async () => {
    let removedItself = 0;
    register("a", hears("a"));
    process.once("SIGTERM", () => removedItself++);
    await raise("SIGTERM");
    expect([received, killed, removedItself]).toEqual([["a signal"], [], 1]);
    expect(process.listenerCount("SIGINT")).toBe(1);
    // The program's listener is gone: the next one is not handled any more.
    process.removeAllListeners("SIGTERM");
    register("b", hears("b"));
    await raise("SIGTERM");
    expect(killed).toEqual([[process.pid, "SIGTERM"]]);
  });

  test("reaches the clients before the program's listeners", () => {
    const own = () => {};
    process.on("SIGTERM", own);
    register("a", hears("a"));
    expect(listenersOf("SIGTERM").indexOf(own as NodeJS.ExitListener)).toBe(1);
  });

  test.each([
    ["version 4", () => Reflect.set(globalThis, FOUR, { count: 1 })],
    ["version 3", () => Reflect.set(process, THREE, { count: 1 })],
  ])("that only signal-exit (%s) listens to isn't handled", async (_, publish) => {
    publish();
    process.on("SIGTERM", () => {});
    register("a", hears("a"));
    await raise("SIGTERM");
    expect(killed).toEqual([[process.pid, "SIGTERM"]]);
  });

  test("that signal-exit and the program listen to is handled", async () => {
    Reflect.set(globalThis, FOUR, { count: 1 });
    process.on("SIGTERM", () => {});
    process.on("SIGTERM", () => {});
    register("a", hears("a"));
    await raise("SIGTERM");
    expect(killed).toEqual([]);
  });

  test.each([
    null,
    {},
    { count: "1" },
    5,
  ])("counts no listeners of an emitter that is %j", async (emitter) => {
    Reflect.set(globalThis, FOUR, emitter);
    Reflect.set(process, THREE, emitter);
    process.on("SIGTERM", () => {});
    register("a", hears("a"));
    await raise("SIGTERM");
    expect(killed).toEqual([]);
  });

  test("is left to another copy of this client as long as that sends", async () => {
    const copy = Object.assign(() => {}, { [Symbol.for("chouette-iot-client.signal-listener")]: true });
    process.on("SIGTERM", copy);
    register("a", hears("a"));
    await raise("SIGTERM");
    expect([received, killed]).toEqual([["a signal", "a exit"], []]);
    expect(process.listeners("SIGTERM")).toEqual([copy]);
  });
});
