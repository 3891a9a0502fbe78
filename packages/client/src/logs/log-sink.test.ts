import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestClient } from "../testing.js";
import { patchConsole } from "./console-patch.js";

interface Vector {
  readonly log?: string;
  readonly stored: readonly { readonly json: string }[];
}

const fixtures: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../../../tests/fixtures/client_records.json", import.meta.url), "utf8"),
);
let client: TestClient;

beforeEach(() => {
  client = new TestClient();
});
afterEach(() => vi.unstubAllEnvs());

test("a log is what the original client stores", () => {
  const vectors = fixtures
    .flatMap(({ log, stored }) => (log === undefined ? [] : stored))
    .map(({ json }) => JSON.parse(json));
  const sink = client.logSink({ service: "my-little-app" });
  const at = vectors.map(({ date }) => new Date(date));
  sink.log("INFO", "Message without extras", {}, at[0]);
  sink.log("INFO", "Message with tags", { tags: { tag_name: "tag_value" } }, at[1]);
  sink.log("WARNING", "Message with tags", { tags: ["a:b", "c"] }, at[2]);
  sink.log("ERROR", "Message with extras", { client: "Alice", server: "Bob" }, at[3]);
  sink.log("ERROR", "it broke", { exc_info: vectors[4].exc_info }, at[4]);
  // The original's dates have microseconds, a JavaScript clock milliseconds.
  const toMilliseconds = (log: { date: string }) => ({
    ...log,
    date: log.date.replace(/(\.\d{3})\d{3}/, "$1"),
  });
  expect(client.logs()).toEqual(vectors.map(toMilliseconds));
});

test("levels of Python, pino and winston, and the least that is stored", () => {
  vi.stubEnv("CHOUETTE_LOG_LEVEL", "warning");
  const sink = client.logSink();
  for (const level of ["trace", 20, "info", 30, "nonsense", "http"]) sink.log(level, "no");
  for (const level of ["warn", 40, "WARNING", "error", 50, "fatal", 60, "CRITICAL", "emerg"])
    sink.log(level, "yes");
  sink.debug("no");
  sink.critical("yes");
  expect(client.logs().map(({ level }) => level)).toEqual([
    ...["WARNING", "WARNING", "WARNING", "ERROR", "ERROR"],
    ...["CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL"],
  ]);
  client.logSink({ level: "debug" }).debug("yes");
  expect(client.logs().at(-1)?.level).toBe("DEBUG");
});

test("errors give their stacks, with their causes, and extras can't take a log's own names", () => {
  const sink = client.logSink({ service: "s", tags: { env: "live" } });
  sink.error(new Error("outer", { cause: new Error("inner") }), { level: "high", n: { deep: [1n] } });
  const [log] = client.logs();
  expect(log).toMatchObject({
    message: { msg: "outer" },
    ddtags: ["env:live"],
    level: "ERROR",
    level_: "high",
    n: { deep: ["1"] },
  });
  expect(log?.exc_info).toMatch(/^Error: outer\n.*Caused by: Error: inner\n/s);
});

test("a huge log is cut and marked; one that can't be read is refused", async () => {
  const sink = client.logSink({ limit: 100 });
  await sink.info("x".repeat(1_000), { more: "y".repeat(1_000) });
  expect(JSON.stringify(client.logs()[0]).length).toBeLessThan(500);
  expect(client.logs()[0]).toMatchObject({ truncated: true });
  const wrong = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error("no");
      },
    },
  );
  expect(await sink.info("m", wrong)).toBe(false);
  expect(await sink.log("info", "m", {}, new Date(Number.NaN))).toBe(false);
  expect(client.stats().refused.invalid_log).toBe(2);
});

test("the console is patched by call only, keeps printing, and is put back", () => {
  const printed: unknown[] = [];
  const shown = globalThis.console;
  const { warn } = shown;
  const print = (...args: unknown[]) => printed.push(args);
  shown.warn = print;
  const restore = patchConsole(client.logSink());
  shown.warn("%s is %d", "x", 5);
  restore();
  expect(shown.warn).toBe(print);
  shown.warn = warn;
  expect(printed).toEqual([["%s is %d", "x", 5]]);
  expect(client.logs()).toMatchObject([{ level: "WARNING", message: { msg: "x is 5" } }]);
});

test("an unknown level of a sink is INFO, with a word why; without one it is INFO, too", async () => {
  const errors: string[] = [];
  client.on("error", ({ message }) => void errors.push(message));
  for (const sink of [client.logSink(), client.logSink({ level: "loud" })]) {
    sink.debug("no");
    sink.info("yes");
    sink.warning("yes");
  }
  expect(client.logs()).toHaveLength(4);
  await new Promise(setImmediate);
  expect(errors).toEqual(['unknown log level "loud": INFO is used']);
});

test("the service is the option, DD_SERVICE, the npm package, or node; the source is the service by default", () => {
  const of = (options: object) => {
    client.logSink(options).info("m");
    const log = client.logs().at(-1);
    return [log?.service, log?.ddsource];
  };
  vi.stubEnv("DD_SERVICE", "");
  vi.stubEnv("npm_package_name", "");
  expect(of({})).toEqual(["node", "node"]);
  vi.stubEnv("npm_package_name", "package");
  expect(of({})).toEqual(["package", "package"]);
  vi.stubEnv("DD_SERVICE", "dd");
  expect(of({})).toEqual(["dd", "dd"]);
  expect(of({ service: "own", source: "pump" })).toEqual(["own", "pump"]);
});

test("a log has its time, also as a number, and of now without one", () => {
  const sink = client.logSink();
  sink.log("info", "m", undefined, 1_500);
  expect(client.logs().at(-1)?.date).toBe("1970-01-01T00:00:01.500+00:00");
  sink.log("info", "m", undefined, 0);
  expect(client.logs().at(-1)?.date).toBe("1970-01-01T00:00:00.000+00:00");
  const before = Date.now();
  sink.info("m");
  expect(Date.parse(client.logs().at(-1)?.date ?? "")).toBeGreaterThanOrEqual(before);
});

test("the tags of a log follow those of the sink: of an object by name, of a list as they are", () => {
  const sink = client.logSink({ tags: ["all", "b:c"] });
  const tagsOf = (tags: unknown) => {
    sink.info("m", { tags });
    return client.logs().at(-1)?.ddtags;
  };
  expect(tagsOf({ z: 1, a: "x y" })).toEqual(["all", "b:c", "a:x_y", "z:1"]);
  expect(tagsOf(["q r", 5])).toEqual(["all", "b:c", "q r", "5"]);
  for (const none of [null, undefined, "text", 7]) expect(tagsOf(none)).toEqual(["all", "b:c"]);
});

test("any message is a text", () => {
  const sink = client.logSink();
  const cycle: unknown[] = [1];
  cycle.push(cycle);
  for (const message of [{ a: [1] }, 5, undefined, null, "text", new RangeError("why"), cycle])
    sink.info(message);
  expect(client.logs().map(({ message }) => message.msg)).toEqual([
    '{"a":[1]}',
    "5",
    "undefined",
    "null",
    "text",
    "why",
    '[1,"[Circular]"]',
  ]);
});

describe("the stack of a log", () => {
  const sink = () => client.logSink();
  const stackOf = () => client.logs().at(-1)?.exc_info;
  const error = (name: string, cause?: unknown) =>
    Object.assign(new Error(name), { stack: `stack of ${name}` }, cause === undefined ? {} : { cause });

  test("is that of exc_info, the message, err or error, whichever is first", () => {
    sink().info(error("message"), { exc_info: "given", err: error("err") });
    expect(stackOf()).toBe("given");
    expect(client.logs().at(-1)).not.toHaveProperty("exc_info_");
    sink().info(error("message"), { err: error("err") });
    expect(stackOf()).toBe("stack of message");
    sink().info("m", { error: error("error"), err: error("err") });
    expect(stackOf()).toBe("stack of err");
    sink().info("m", { error: { stack: "of an object", code: 1 } });
    expect([stackOf(), client.logs().at(-1)?.error]).toEqual(["of an object", { code: 1 }]);
    sink().info("m", { exc_info: error("exc") });
    expect(stackOf()).toBe("stack of exc");
  });

  test("isn't that of a text, or of a field of any other name", () => {
    sink().info("m", { err: "text", error: { stack: 5 }, other: error("other"), none: undefined });
    const log = client.logs().at(-1);
    expect(log).not.toHaveProperty("exc_info");
    expect(log).toMatchObject({ err: "text", error: { stack: 5 }, other: { message: "other" } });
    expect(log).not.toHaveProperty("none");
    sink().info(null, { err: null });
    expect(stackOf()).toBeUndefined();
  });

  test("has those of up to five causes", () => {
    let chain = error("0");
    for (let depth = 1; depth <= 7; depth++) chain = error(`${depth}`, chain);
    sink().info(chain);
    expect(stackOf()?.split("\nCaused by: ")).toEqual([7, 6, 5, 4, 3, 2].map((depth) => `stack of ${depth}`));
    sink().info(error("last", "a text"));
    expect(stackOf()).toBe("stack of last");
  });

  test("of an error without one is its name and message", () => {
    sink().info(Object.assign(new RangeError("why"), { stack: undefined }));
    expect(stackOf()).toBe("RangeError: why");
  });
});

test("an extra with the name of one of a log's own fields gets an underscore", () => {
  const names = ["date", "ddsource", "ddtags", "level", "message", "service"];
  client.logSink({ service: "s" }).info("m", Object.fromEntries(names.map((name) => [name, `my ${name}`])));
  expect(client.logs()[0]).toMatchObject({
    service: "s",
    message: { msg: "m" },
    ...Object.fromEntries(names.map((name) => [`${name}_`, `my ${name}`])),
  });
});

test("a log within its limit isn't marked, and one beyond it is cut there", () => {
  const sink = client.logSink({ limit: 10 });
  sink.info("1234567890");
  expect(client.logs().at(-1)).not.toHaveProperty("truncated");
  sink.info("1234567890x");
  expect(client.logs().at(-1)).toMatchObject({
    truncated: true,
    message: { msg: "1234567890… [cut: 11 characters]" },
  });
  client.logSink().info("x".repeat(262_144));
  expect(client.logs().at(-1)).not.toHaveProperty("truncated");
});
