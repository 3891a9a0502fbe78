/** The embedded broker beside a real Redis server: the same requests, byte by byte the same answers. */
import { afterAll, beforeEach, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.js";
import { ask } from "../support/raw-redis.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";

const KEYS = "chouette:metrics:raw.keys";
const VALUES = "chouette:metrics:raw.values";

const conversations: Readonly<Record<string, readonly string[]>> = {
  "a MULTI that stores": ["MULTI", `ZADD ${KEYS} 1.5 a 2 b`, `HSET ${VALUES} a x b y`, "EXEC"],
  "single commands that store": [`ZADD ${KEYS} 1 a`, `HSET ${VALUES} a x`, `HMSET ${VALUES} b y`],
  "looking at what is stored": [
    `ZADD ${KEYS} 3 c 1 a 2.25 b -inf d inf e 1e3 f`,
    `ZRANGE ${KEYS} 0 -1`,
    `ZRANGE ${KEYS} -2 9 WITHSCORES`,
    `ZRANGE ${KEYS} 3 1`,
    `ZCARD ${KEYS}`,
    `HSET ${VALUES} a x b y`,
    `HLEN ${VALUES}`,
    `HGET ${VALUES} a`,
    `HGET ${VALUES} z`,
    `HMGET ${VALUES} b z a`,
  ],
  "looking at what isn't there": [
    `ZCARD ${KEYS}`,
    `HLEN ${VALUES}`,
    `ZRANGE ${KEYS} 0 -1`,
    `HMGET ${VALUES} a`,
  ],
  "values before their ids": [`HSET ${VALUES} a x`, `HLEN ${VALUES}`, `ZADD ${KEYS} 1 a`, `HGET ${VALUES} a`],
  "an id and its value, twice in one MULTI": [
    "MULTI",
    `HSET ${VALUES} a x`,
    `ZADD ${KEYS} 1 a`,
    `ZADD ${KEYS} 2 b`,
    `HSET ${VALUES} b y`,
    "EXEC",
    `ZRANGE ${KEYS} 0 -1 WITHSCORES`,
    `HMGET ${VALUES} a b`,
  ],
  "looking within a MULTI": ["MULTI", `ZADD ${KEYS} 1 a`, `ZCARD ${KEYS}`, "PING", "EXEC"],
  "an empty MULTI": ["MULTI", "EXEC", "MULTI", "DISCARD"],
  "a MULTI given up": ["MULTI", `ZADD ${KEYS} 1 a`, "DISCARD", `ZCARD ${KEYS}`],
  "EXEC and DISCARD by themselves": ["EXEC", "DISCARD"],
  "a MULTI in a MULTI": ["MULTI", "MULTI", `ZADD ${KEYS} 1 a`, "EXEC", `ZCARD ${KEYS}`],
  "an unknown command in a MULTI": ["MULTI", "NOSUCH x", `ZADD ${KEYS} 1 a`, "EXEC", `ZCARD ${KEYS}`],
  "too few arguments in a MULTI": ["MULTI", `ZADD ${KEYS}`, "PING", "EXEC", "PING"],
  "RESET in a MULTI": ["MULTI", `ZADD ${KEYS} 1 a`, "RESET", "EXEC", `ZCARD ${KEYS}`],
  "QUIT in a MULTI": ["MULTI", `ZADD ${KEYS} 1 a`, "QUIT", "PING"],
  "WATCH in a MULTI": ["MULTI", "WATCH x", "DISCARD", "UNWATCH"],
  "wrong scores": [`ZADD ${KEYS} nan a`, `ZADD ${KEYS} one a`, `ZADD ${KEYS} 1 a 2`, `ZCARD ${KEYS}`],
  "wrong ranks": [`ZRANGE ${KEYS} a b`, `ZRANGE ${KEYS} 0`],
  "the wrong kind of key": [`ZADD ${KEYS} 1 a`, `HSET ${KEYS} a x`, `HLEN ${KEYS}`],
  "a client's marker": ["SET chouette:client:a 7 EX 60", "GET chouette:client:a", "GET chouette:client:b"],
  "a marker without a good expiry": ["SET chouette:client:a 7 EX 0", "SET chouette:client:a 7 EX x"],
  "the connection's name": ["CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT SETNAME"],
  "ending connections that aren't there": [
    "CLIENT KILL ID 1000000",
    "CLIENT KILL ADDR 127.0.0.1:1 ID 1000000",
    "CLIENT KILL ID",
    "CLIENT KILL",
  ],
  "pings, echoes and empty requests": [
    "PING",
    "PING hello",
    "ECHO hello",
    "ECHO",
    "ping",
    "",
    "*0",
    "*-1",
    "PING",
  ],
  databases: ["SELECT 0", "SELECT x", "SELECT"],
  "logins where no password is asked for": ["AUTH x", "AUTH default x", "AUTH other x"],
  "wrong HELLOs": ["HELLO 4", "HELLO x", "HELLO 2 NOSUCH", "HELLO 2 AUTH default"],
  "an argument that is no bulk string": ["PING", "*1\r\n:1", "PING"],
  "a negative length": ["PING", "*1\r\n$-1", "PING"],
  RESP3: [
    "HELLO 3",
    `ZADD ${KEYS} 1.5 a 2 b inf c`,
    `ZRANGE ${KEYS} 0 -1 WITHSCORES`,
    `HGET ${VALUES} z`,
    "MULTI",
    `HMGET ${VALUES} y z`,
    "EXEC",
    "CLIENT GETNAME",
  ],
};

let redis: RedisServer | undefined;
let broker: TestBroker;

beforeEach(async () => {
  redis ??= await startRedis();
  await ask(redis.port, "FLUSHALL\r\n");
  broker = await startTestBroker();
  return () => broker.stop();
});

afterAll(() => redis?.stop());

/** Errors by their code, since their words differ; the greeting of HELLO without what is each server's own. */
function comparable(answers: string): string {
  return answers
    .replace(/^-([A-Z]+)[^\r]*/gm, "-$1")
    .replace(/(version\r\n)\$\d+\r\n[\d.]+/, "$1VERSION")
    .replace(/(id\r\n):\d+/, "$1ID");
}

it.each(Object.entries(conversations))("%s", async (_name, lines) => {
  const bytes = lines.map((line) => `${line}\r\n`).join("");
  const expected = comparable(await ask(redis?.port ?? 0, bytes));
  expect(comparable(await ask(broker.port, bytes))).toBe(expected);
});
