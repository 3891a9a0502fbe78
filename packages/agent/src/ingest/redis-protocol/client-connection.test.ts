/** The connections of the embedded broker: the order of replies, the limit of connections, who may use them. */
import { milliseconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { brokerPerTest, startTestBroker } from "../../../../../tests/support/broker.js";
import { FailingDisk } from "../../../../../tests/support/failing-disk.js";
import { ManualClock } from "../../../../../tests/support/manual-clock.js";
import { ask, connectRaw, request, storedReply, storing } from "../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../tests/support/until.js";
import { PortTakenError } from "./listener.js";

const QUEUE = "chouette:metrics:raw";
const MEBIBYTE = 1024 * 1024;

const { current, use } = brokerPerTest();

describe("answers", () => {
  it("keep the order of pipelined requests while what they store shares commits", async () => {
    const client = await connectRaw(current().port);
    let expected = "";
    for (let number = 0; number < 300; number++) {
      const ids = Array.from({ length: (number % 7) + 1 }, (_, index) => `${number}-${index}`);
      client.send(storing(ids) + request("ECHO", `after ${number}`));
      expected += `${storedReply(ids)}$${`after ${number}`.length}\r\nafter ${number}\r\n`;
      if (number % 50 !== 0) continue;
      client.send(request("ZCARD", `${QUEUE}.keys`));
      const stored = Array.from({ length: number + 1 }, (_, before) => (before % 7) + 1);
      expected += `:${stored.reduce((sum, count) => sum + count)}\r\n`;
    }
    client.socket.end();
    expect(await client.closed).toBe(expected);
  });

  it("wait for one that is being stored for a moment only, and then come without it", async () => {
    const disk = new FailingDisk();
    await use({ files: disk.files, fsync: "always" });
    const client = await connectRaw(current().port);
    client.send(storing(["a"]));
    await client.receives(storedReply(["a"]));
    disk.flushMs = 300;
    client.send(request("PING") + storing(["b"]));
    expect(await client.receives("+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n")).toBe(
      `${storedReply(["a"])}+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n`,
    );
    disk.flushMs = 0;
    await client.receives(`+PONG\r\n${storedReply(["b"])}`);
    client.socket.destroy();
  });

  it("that nobody reads stop the reading of requests, and all come in the end", async () => {
    const client = await connectRaw(current().port);
    client.socket.pause();
    const echo = request("ECHO", "x".repeat(MEBIBYTE));
    const count = 40;
    for (let number = 0; number < count; number++) client.send(echo);
    const handedOver = () => client.socket.bytesWritten - client.socket.writableLength;
    let last = -1;
    let unchanged = 0;
    await until("the client to be held up", () => {
      unchanged = handedOver() === last ? unchanged + 1 : 0;
      last = handedOver();
      return unchanged > 10;
    });
    // The system's own buffers hold some.
    expect(last).toBeLessThan((count * echo.length * 3) / 4);
    client.socket.end();
    client.socket.resume();
    const answers = await client.closed;
    expect(answers.length).toBe(count * (echo.length - "*2\r\n$4\r\nECHO\r\n".length));
  });

  it("to what was under way are given before the broker closes", async () => {
    const client = await connectRaw(current().port);
    const idle = await connectRaw(current().port);
    client.send(storing(["a"]) + storing(["b"]));
    await client.receives("QUEUED");
    await current().close();
    expect(await client.closed).toBe(storedReply(["a"]) + storedReply(["b"]));
    expect(await idle.closed).toBe("");
    expect(await current().store.size(QUEUE)).toBe(2);
  });
});

describe("a connection that another one ends", () => {
  it("carries nothing out after that, and answers what it stored before", async () => {
    const first = await connectRaw(current().port);
    first.send(request("CLIENT", "INFO"));
    const [, id, address] = /id=(\d+) addr=(\S+)/.exec(await first.receives("addr=")) ?? [];
    const set = (text: string) => request("SET", "chouette:client:a", text, "EX", "60");
    first.send(request("MULTI") + set("1") + request("EXEC") + request("MULTI") + set("2"));
    await first.receives("+QUEUED");

    const kill = request("CLIENT", "KILL", "ID", id ?? "", "ADDR", address ?? "");
    const look = request("GET", "chouette:client:a");
    expect(await ask(current().port, kill + look)).toBe(":1\r\n$1\r\n1\r\n");
    first.send(request("EXEC"));
    expect(await first.closed).toMatch(/\*1\r\n\+OK\r\n\+OK\r\n\+QUEUED\r\n$/);
    expect(await ask(current().port, look)).toBe("$1\r\n1\r\n");
  });
});

describe("the limit of connections", () => {
  it("answers with an error, closes, and counts", async () => {
    await use({ maxConnections: 2 });
    const first = await connectRaw(current().port);
    const second = await connectRaw(current().port);
    // Neither is idle.
    for (const client of [first, second]) {
      client.send(request("MULTI"));
      await client.receives("+OK");
    }
    const third = await connectRaw(current().port);
    expect(await third.closed).toBe("-ERR max number of clients reached\r\n");
    expect(current().counters.refusedConnections).toBe(1);
    first.socket.end();
    await first.closed;
    await until("room for another", () => current().counters.connections === 1);
    expect(await ask(current().port, request("PING"))).toBe("+PONG\r\n");
    second.socket.destroy();
  });

  it("closes the connection that was idle for longest in favour of a new one, and none that has something to do", async () => {
    const clock = new ManualClock(Date.now());
    await use({ maxConnections: 3, clock });
    const busy = await connectRaw(current().port);
    busy.send(request("MULTI"));
    await busy.receives("+OK");
    const half = await connectRaw(current().port);
    half.send("*1\r\n");
    await until("its part to arrive", () => current().memory().clients > 0);
    const idle = await connectRaw(current().port);
    await until("three connections", () => current().counters.connections === 3);
    await clock.advance(999);
    expect(await ask(current().port, request("PING"))).toBe("-ERR max number of clients reached\r\n");
    await clock.advance(1);
    expect(await ask(current().port, request("PING"))).toBe("+PONG\r\n");
    expect(await idle.closed).toBe("");
    expect(current().counters.closedIdle).toBe(1);
    half.send("$4\r\nPING\r\n");
    await half.receives("+PONG");
    busy.send(request("EXEC"));
    await busy.receives("*0");
    busy.socket.destroy();
    half.socket.destroy();
  });
});

describe("a port that is taken", () => {
  it("is an error that says so and what to set", async () => {
    const { host, port } = current().address;
    const second = startTestBroker({ host, port });
    await expect(second).rejects.toThrow(PortTakenError);
    await expect(second).rejects.toThrow(/CHOUETTE_LISTEN.*REDIS_HOST.*CHOUETTE_STORAGE_TYPE/);
  });
});

describe("a password", () => {
  const PASSWORD = "correct horse battery";

  beforeEach(() => use({ password: PASSWORD }));

  it("is asked for before anything else", async () => {
    const commands = [
      ["PING"],
      ["ZADD", `${QUEUE}.keys`, "1", "a"],
      ["MULTI"],
      ["INFO"],
      ["NOSUCH"],
      ["HELLO", "3"],
    ];
    for (const args of commands) expect(await ask(current().port, request(...args))).toMatch(/^-NOAUTH /);
    expect(await ask(current().port, request("QUIT"))).toBe("+OK\r\n");
    expect(await current().store.size(QUEUE)).toBe(0);
  });

  it.each([
    ["AUTH", ["AUTH", PASSWORD]],
    ["AUTH with the user", ["AUTH", "default", PASSWORD]],
    ["HELLO", ["HELLO", "3", "AUTH", "default", PASSWORD, "SETNAME", "me"]],
  ])("is taken by %s", async (_how, args) => {
    expect(await ask(current().port, request(...args) + request("PING"))).toMatch(/\+PONG\r\n$/);
    expect(current().counters.wrongPasswords).toBe(0);
  });

  it("is asked for again after RESET", async () => {
    const answers = await ask(current().port, request("AUTH", PASSWORD) + request("RESET") + request("PING"));
    expect(answers).toMatch(/^\+OK\r\n\+RESET\r\n-NOAUTH /);
  });

  it("isn't another one, nor another user's", async () => {
    for (const args of [[`${PASSWORD}x`], [""], ["other", PASSWORD], ["default", "wrong"]])
      expect(await ask(current().port, request("AUTH", ...args) + request("PING"))).toMatch(
        /^-WRONGPASS .*\r\n-NOAUTH /,
      );
    expect(await ask(current().port, request("HELLO", "2", "AUTH", "default", "wrong"))).toMatch(
      /^-WRONGPASS /,
    );
    expect(current().counters.wrongPasswords).toBe(5);
  });

  it("is said nowhere", async () => {
    const attempts = [
      ["AUTH", "a", PASSWORD],
      ["AUTH", PASSWORD, "a", "b"],
      ["NOSUCH", PASSWORD],
      ["HELLO", "2", PASSWORD],
    ];
    for (const args of attempts) {
      const answer = await ask(
        current().port,
        request("AUTH", PASSWORD) + request(...args) + request("CLIENT", "LIST"),
      );
      expect(answer).not.toContain(PASSWORD);
    }
    expect(current().log()).not.toContain(PASSWORD);
  });

  it("must be given in time", async () => {
    await use({ password: PASSWORD, loginTimeout: milliseconds(200) });
    const silent = await connectRaw(current().port);
    const trickle = await connectRaw(current().port);
    trickle.send(request("PING"));
    const friend = await connectRaw(current().port);
    friend.send(request("AUTH", PASSWORD));
    expect(await silent.closed).toMatch(/^-NOAUTH [^\r]*\r\n$/);
    expect(await trickle.closed).toMatch(/^-NOAUTH [^\r]*\r\n-NOAUTH [^\r]*\r\n$/);
    expect(current().counters.loginTimeouts).toBe(2);
    friend.send(request("PING"));
    await friend.receives("+PONG");
    friend.send(request("RESET"));
    expect(await friend.closed).toMatch(/\+RESET\r\n-NOAUTH /);
  });

  it("hasn't been given by those that make room for others first, though they came last", async () => {
    const clock = new ManualClock(Date.now());
    await use({ password: PASSWORD, maxConnections: 2, clock });
    const friend = await connectRaw(current().port);
    friend.send(request("AUTH", PASSWORD));
    await friend.receives("+OK");
    const stranger = await connectRaw(current().port);
    await until("both to be accepted", () => current().counters.connections === 2);
    await clock.advance(1_100);
    expect(await ask(current().port, request("AUTH", PASSWORD))).toBe("+OK\r\n");
    expect(await stranger.closed).toBe("");
    friend.send(request("PING"));
    await friend.receives("+PONG");
    friend.socket.destroy();
  });

  it("must be given before long requests are read", async () => {
    const long = request("PING", "x".repeat(20_000));
    expect(await ask(current().port, long)).toMatch(/^-ERR Protocol error/);
    expect(await ask(current().port, request("AUTH", PASSWORD) + long)).toMatch(/^\+OK\r\n\$20000\r\n/);
  });
});
