/** What Redis doesn't have, or not in this form: limits, markers' lifetimes, other connections, the login. */
import { milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { brokerPerTest } from "../../../../../../tests/support/broker.js";
import { ManualClock } from "../../../../../../tests/support/manual-clock.js";
import { ask, connectRaw, request, storing } from "../../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../../tests/support/until.js";
import { COMMANDS } from "./command-table.js";

const KEYS = "chouette:metrics:raw.keys";
const VALUES = "chouette:metrics:raw.values";
const MARKER = "chouette:client:a";
const MEBIBYTE = 1024 * 1024;
const DAY = 86_400;

const { current, use } = brokerPerTest();

/** The replies to these requests, on one new connection. */
function talk(...requests: readonly (readonly string[])[]): Promise<string> {
  return ask(current().port, requests.map((args) => request(...args)).join(""));
}

const several = (count: number, text = "x") => Array<string>(count).fill(text);
const numbered = (count: number) => Array.from({ length: count }, (_, number) => `${number}`);

describe("a limit", () => {
  it.each([
    ["keys of MGET", ["MGET", ...several(1_000)], ["MGET", ...several(1_001)]],
    ["keys of EXISTS", ["EXISTS", ...several(1_000)], ["EXISTS", ...several(1_001)]],
    ["ids of HMGET", ["HMGET", VALUES, ...several(1_000)], ["HMGET", VALUES, ...several(1_001)]],
    ["a pattern of KEYS", ["KEYS", "x".repeat(256)], ["KEYS", "x".repeat(257)]],
    ["a pattern of SCAN", ["SCAN", "0", "MATCH", "x".repeat(256)], ["SCAN", "0", "MATCH", "x".repeat(257)]],
    ["a cursor", ["SCAN", "1".repeat(20)], ["SCAN", "1".repeat(21)]],
    [
      "a marker's lifetime",
      ["SET", MARKER, "1", "EX", `${31 * DAY}`],
      ["SET", MARKER, "1", "EX", `${31 * DAY + 1}`],
    ],
    ["a marker's shortest lifetime", ["SET", MARKER, "1", "EX", "1"], ["SET", MARKER, "1", "EX", "0"]],
    [
      "a marker's text",
      ["SET", MARKER, "x".repeat(65_536), "EX", "9"],
      ["SET", MARKER, "x".repeat(65_537), "EX", "9"],
    ],
    ["arguments of CLIENT SETNAME", ["CLIENT", "SETNAME", "a"], ["CLIENT", "SETNAME", "a", "b"]],
    ["a connection's name", ["CLIENT", "SETNAME", "x".repeat(256)], ["CLIENT", "SETNAME", "x".repeat(257)]],
    [
      "watched markers",
      ["WATCH", ...numbered(100).map((name) => `chouette:client:${name}`)],
      ["WATCH", ...numbered(101).map((name) => `chouette:client:${name}`)],
    ],
    ["arguments of HELLO", ["HELLO", "2", "SETNAME", "a", "SETNAME", "b"], ["HELLO", ...several(7)]],
    ["arguments of AUTH", ["AUTH", "default", "b"], ["AUTH", "default", "b", "c"]],
    ["options of SET", ["SET", MARKER, "1", "EX", "9"], ["SET", MARKER, "1", "EX", "9", "NX"]],
    [
      "options of ZRANGE",
      ["ZRANGE", KEYS, "0", "1", "WITHSCORES"],
      ["ZRANGE", KEYS, "0", "1", "WITHSCORES", "REV"],
    ],
  ])("is exact: %s", async (_what, within, beyond) => {
    expect(await talk(within)).toMatch(/^[+:*$]/);
    expect(await talk(beyond)).toMatch(/^-ERR [^\r]+\r\n$/);
    expect(current().counters.refusedCommands).toBe(1);
  });

  it("of ids in a reply is 10,000 for a range of scores, too, unless LIMIT asks for fewer", async () => {
    await ask(current().port, storing(numbered(10_001)));
    const range = (...args: readonly string[]) => talk(["ZRANGEBYSCORE", KEYS, ...args]);
    expect(await range("-inf", "+inf")).toMatch(/^-ERR .* 10000 ids/);
    expect(await range("(0", "+inf")).toMatch(/^\*10000\r\n.*\r\n1\r\n/);
    expect(await range("0", "(10000")).toMatch(/^\*10000\r\n/);
    expect(await range("0", "inf", "LIMIT", "1", "10000")).toMatch(/^\*10000\r\n\$1\r\n1\r\n/);
    // In the middle of a page.
    expect(await range("1500", "1502")).toBe("*3\r\n$4\r\n1500\r\n$4\r\n1501\r\n$4\r\n1502\r\n");
    expect(await range("-inf", "inf", "LIMIT", "2500", "1")).toBe("*1\r\n$4\r\n2500\r\n");
  });

  it("of a reply is 8 MiB of values, alone and in a transaction", async () => {
    const value = "v".repeat(2 * MEBIBYTE);
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) await talk(["ZADD", KEYS, "1", id], ["HSET", VALUES, id, value]);
    await talk(["ZADD", KEYS, "1", "e"], ["HSET", VALUES, "e", "{}"]);
    const whole = `*4\r\n${`$${value.length}\r\n${value}\r\n`.repeat(4)}`;
    expect((await talk(["HMGET", VALUES, ...ids])) === whole).toBe(true);
    expect(await talk(["HMGET", VALUES, ...ids, "e"])).toMatch(/^-ERR [^\r]*request fewer ids\r\n$/);
    const gets = [...ids, "e", "b"].map((id) => ["HGET", VALUES, id]);
    const answers = await talk(["MULTI"], ...gets, ["PING"], ["EXEC"]);
    // Once more than the limit is looked up, the rest isn't.
    expect(answers.slice(answers.indexOf("*7")).replaceAll(value, "V")).toMatch(
      /^\*7\r\n(?:\$2097152\r\nV\r\n){4}\$2\r\n\{\}\r\n-ERR [^\r]*in a transaction\r\n\+PONG\r\n$/,
    );
  });

  it("of a transaction is 20,000 commands", async () => {
    const pings = (count: number) => request("PING").repeat(count);
    const most = await ask(current().port, request("MULTI") + pings(20_000) + request("EXEC"));
    expect(most.endsWith("+PONG\r\n")).toBe(true);
    const over = await ask(current().port, request("MULTI") + pings(20_001) + request("EXEC"));
    expect(over).toMatch(/QUEUED\r\n-ERR a transaction is at most[^\r]*\r\n-EXECABORT [^\r]*\r\n$/);
  });
});

describe("a marker", () => {
  it("lives for its lifetime, which TTL rounds to seconds and PTTL doesn't", async () => {
    const clock = new ManualClock(Date.now());
    await use({ clock });
    const look = () =>
      talk(["TTL", MARKER], ["PTTL", MARKER], ["EXISTS", MARKER], ["GET", MARKER], ["DBSIZE"], ["KEYS", "*"]);
    await talk(["SET", MARKER, "7", "EX", "60"]);
    const key = `*1\r\n$${MARKER.length}\r\n${MARKER}\r\n`;
    expect(await look()).toBe(`:60\r\n:60000\r\n:1\r\n$1\r\n7\r\n:1\r\n${key}`);
    await clock.advance(499);
    expect(await look()).toBe(`:60\r\n:59501\r\n:1\r\n$1\r\n7\r\n:1\r\n${key}`);
    await clock.advance(2);
    expect(await look()).toBe(`:59\r\n:59499\r\n:1\r\n$1\r\n7\r\n:1\r\n${key}`);
    await clock.advance(59_499);
    expect(await look()).toBe(":-2\r\n:-2\r\n:0\r\n$-1\r\n:0\r\n*0\r\n");
  });

  it("is read only when everything before it is durable", async () => {
    await talk(["SET", MARKER, "7", "EX", "60"]);
    const { store } = current();
    const [write, state] = [store.write.bind(store), store.state.bind(store)];
    const steps: string[] = [];
    store.write = async (...args) => {
      await new Promise(setImmediate);
      await write(...args);
      steps.push("durable");
    };
    store.state = (...args) => {
      steps.push("read");
      return state(...args);
    };
    expect(await talk(["GET", MARKER], ["MGET", MARKER])).toBe("$1\r\n7\r\n*1\r\n$1\r\n7\r\n");
    expect(steps).toEqual(["durable", "read", "durable", "read"]);
  });

  it("isn't any other key: it is refused, and nothing is stored", async () => {
    for (const key of ["a", KEYS, "chouette:client:", "chouette:client:a b"])
      expect(await talk(["SET", key, "1", "EX", "9"], ["GET", key])).toMatch(
        /^-ERR '[^\r]*is not a client's marker[^\r]*\r\n-ERR '[^\r]*is not a client's marker[^\r]*\r\n$/,
      );
    expect(await talk(["DBSIZE"])).toBe(":0\r\n");
  });

  it("counts once for the limit of its connection, however often it is stored", async () => {
    const set = (name: string) => ["SET", `chouette:client:${name}`, "1", "EX", "9"];
    const names = numbered(100);
    expect(await talk(...names.map(set), ...names.map(set), set("more"))).toMatch(/^(?:\+OK\r\n){200}-ERR /);
  });

  it("is watched for as long as it is the same, by every connection", async () => {
    const watcher = await connectRaw(current().port);
    watcher.send(request("WATCH", MARKER) + request("MULTI"));
    await watcher.receives("+OK\r\n+OK\r\n");
    await talk(["SET", MARKER, "1", "EX", "9"]);
    watcher.send(request("ZADD", KEYS, "1", "a") + request("EXEC"));
    await watcher.receives("+QUEUED\r\n*-1\r\n");
    expect(await talk(["ZCARD", KEYS])).toBe(":0\r\n");
    watcher.socket.destroy();
  });
});

describe("other connections", () => {
  it("are listed with what they are doing", async () => {
    const other = await connectRaw(current().port);
    other.send(
      request("HELLO", "3", "SETNAME", "other") + request("MULTI") + request("PING") + request("PING"),
    );
    await other.receives("+QUEUED\r\n+QUEUED\r\n");
    const list = await talk(["CLIENT", "ID"], ["CLIENT", "LIST"], ["CLIENT", "INFO"]);
    const { localPort } = other.socket;
    const theirs = `id=1 addr=127.0.0.1:${localPort} name=other db=0 multi=2 user=default resp=3\n`;
    const [own = ""] = /id=2 .*\n/.exec(list) ?? [];
    expect(own).toMatch(/^id=2 addr=127\.0\.0\.1:\d+ name= db=0 multi=-1 user=default resp=2\n$/);
    expect(list).toBe(
      `:2\r\n$${theirs.length + own.length}\r\n${theirs}${own}\r\n$${own.length}\r\n${own}\r\n`,
    );
    other.socket.destroy();
    await until("it to be gone", () => current().counters.connections === 0);
  });

  it("are ended by their id or address, each alone, and never the one that asks", async () => {
    const others = [];
    for (let number = 1; number <= 3; number++) {
      others.push(await connectRaw(current().port));
      await until("it to be accepted", () => current().counters.connections === number);
    }
    const [first, second, third] = others;
    const address = `127.0.0.1:${second?.socket.localPort}`;
    const replies = await talk(
      ["CLIENT", "KILL", "ID", "1"],
      ["CLIENT", "KILL", "id", "2", "addr", "127.0.0.1:1"],
      ["CLIENT", "KILL", "ADDR", address],
      ["CLIENT", "KILL", "ID", "4"],
      ["CLIENT", "KILL", "TYPE", "normal"],
      ["CLIENT", "KILL", "ID", "3", "ADDR"],
      ["CLIENT", "NOSUCH"],
    );
    expect(replies.replace(/-ERR [^\r]+/g, "-ERR")).toBe(":1\r\n:0\r\n:1\r\n:0\r\n-ERR\r\n-ERR\r\n-ERR\r\n");
    await Promise.all([first?.closed, second?.closed]);
    third?.send(request("PING"));
    await third?.receives("+PONG");
    third?.socket.destroy();
  });
});

describe("the server", () => {
  it("is shown with its uptime in whole seconds and its clients", async () => {
    const clock = new ManualClock(Date.now());
    await use({ clock });
    await clock.advance(61_999);
    const info = await talk(["INFO"]);
    expect(info).toContain("\r\nuptime_in_seconds:61\r\n");
    expect(info).toContain("\r\nconnected_clients:1\r\n");
    expect(info).toContain(`\r\nprocess_id:${process.pid}\r\n`);
  });

  it("has no table of commands, which drivers ask for", async () => {
    expect(
      await talk(
        ["COMMAND"],
        ["COMMAND", "COUNT"],
        ["COMMAND", "DOCS"],
        ["COMMAND", "INFO", "GET"],
        ["COMMAND", "LIST"],
      ),
    ).toBe("*0\r\n:0\r\n*0\r\n*0\r\n*0\r\n");
    expect(await talk(["COMMAND", "GETKEYS"])).toMatch(/^-ERR unknown subcommand 'GETKEYS'/);
  });

  it("removes nothing, however it is asked to", async () => {
    await ask(current().port, storing(["a"]));
    for (const name of ["DEL", "UNLINK", "FLUSHALL", "FLUSHDB", "ZREM", "HDEL", "ZREMRANGEBYSCORE", "EXPIRE"])
      for (const args of [[], [KEYS], [KEYS, "a"], [KEYS, "0", "1"]])
        expect(await talk([name, ...args])).toMatch(new RegExp(`^-ERR [^\\r]*doesn't support ${name}: `));
    expect(await talk(["ZCARD", KEYS], ["HLEN", VALUES])).toBe(":1\r\n:1\r\n");
  });

  it("ends the connection at a web page's request of any length", async () => {
    for (const name of ["POST", "Host:"])
      for (const args of [[], ["/"], ["/", "HTTP/1.1"]])
        expect(await talk([name, ...args], ["PING"])).toMatch(/^-ERR [^\r]*web server\r\n$/);
  });
});

it("before the login, answers only to these commands", async () => {
  await use({ password: "secret", loginTimeout: milliseconds(60_000) });
  const answered: string[] = [];
  for (const [name, { arity }] of COMMANDS) {
    const reply = await talk([name, ...several(arity[0])]);
    if (!/^-NOAUTH Authentication required/.test(reply)) answered.push(name);
  }
  expect(answered).toEqual(["HELLO", "AUTH", "RESET", "QUIT", "POST", "HOST:"]);
});

it("after the login, RESET asks for it again, and forgets the name, the protocol and the transaction", async () => {
  await use({ password: "secret" });
  const login = ["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me"];
  const answers = await talk(login, ["MULTI"], ["RESET"], ["PING"], ["AUTH", "secret"], ["CLIENT", "INFO"]);
  expect(answers).toMatch(
    /\+OK\r\n\+RESET\r\n-NOAUTH [^\r]*\r\n\+OK\r\n\$\d+\r\nid=\d+ addr=\S+ name= db=0 multi=-1 user=default resp=2\n\r\n$/,
  );
});
