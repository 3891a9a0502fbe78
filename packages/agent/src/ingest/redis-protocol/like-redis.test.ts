/** The embedded broker compared with a real Redis server: the same requests get the same bytes. */
import { afterAll, beforeEach, expect, it } from "vitest";
import { startTestBroker, type TestBroker } from "../../../../../tests/support/broker.js";
import { ask } from "../../../../../tests/support/raw-redis.js";
import { type RedisServer, startRedis } from "../../../../../tests/support/redis-server.js";

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
    `ZRANGE ${KEYS} 0 -3`,
    `ZRANGE ${KEYS} -3 -2`,
    `ZRANGE ${KEYS} -100 -5`,
    `ZRANGE ${KEYS} 0 -7`,
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
  "scores from one to another": [
    `ZADD ${KEYS} 3 c 1 a 2.25 b -inf d inf e 1e3 f 3 g`,
    `ZRANGEBYSCORE ${KEYS} -inf +inf`,
    `ZRANGEBYSCORE ${KEYS} (1 3 WITHSCORES`,
    `ZRANGEBYSCORE ${KEYS} 1 (3`,
    `ZRANGEBYSCORE ${KEYS} (-inf (inf LIMIT 1 2`,
    `ZRANGEBYSCORE ${KEYS} -inf +inf LIMIT 2 -1 WITHSCORES`,
    `ZRANGEBYSCORE ${KEYS} -inf +inf LIMIT -1 10`,
    `ZRANGEBYSCORE ${KEYS} 3 3`,
    `ZRANGEBYSCORE ${KEYS} 5 4`,
    `ZRANGEBYSCORE ${KEYS} a 4`,
    `ZRANGEBYSCORE ${KEYS} 1 4 LIMIT 1`,
    `ZRANGEBYSCORE ${KEYS} 1 4 NOSUCH`,
    "ZRANGEBYSCORE another 1 4",
  ],
  "keys that are there": [
    `ZADD ${KEYS} 1 a`,
    `HSET ${VALUES} a x`,
    "SET chouette:client:a 7 EX 60",
    `EXISTS ${KEYS} ${KEYS} ${VALUES} chouette:client:a another`,
    `TYPE ${KEYS}`,
    `TYPE ${VALUES}`,
    "TYPE chouette:client:a",
    "TYPE another",
    `TTL ${KEYS}`,
    "TTL chouette:client:a",
    "TTL another",
    "PTTL another",
    "DBSIZE",
    "KEYS *.keys",
    "KEYS *client:[a-c]",
    "KEYS *client:[^a]",
    "KEYS chouette:client:\\?",
    "KEYS another",
    "SCAN 0 MATCH *.values",
    "SCAN 0 TYPE string COUNT 10",
    "SCAN 0 TYPE list",
    "SCAN x",
    "SCAN 0 MATCH",
    "SCAN 0 COUNT 0",
  ],
  "keys that aren't there": ["DBSIZE", "KEYS *", "SCAN 0", `EXISTS ${KEYS}`, `TYPE ${KEYS}`, `TTL ${VALUES}`],
  "bytes that are no text": [
    '"ECHO" "\\xff\\x00\\xfe"',
    `ZADD ${KEYS} 1 "\\xff\\x00" 2 "\\x00\\x01" 3 "bytes:x" 4 "\ufffd"`,
    `HSET ${VALUES} "\\xff\\x00" "\\xfe" "\\x00\\x01" "\\x00b" "bytes:x" ""`,
    `ZRANGE ${KEYS} 0 -1`,
    `HMGET ${VALUES} "\\xff\\x00" "\\x00\\x01" "bytes:x" "\\xff"`,
    'SET chouette:client:a "\\xff\\n" EX 60',
    "GET chouette:client:a",
  ],
  "quotes in inline requests": [
    'ECHO "a b"',
    "ECHO 'a b'",
    `ECHO "\\"\\n\\t\\x41\\xzz\\q"`,
    `ECHO 'it\\'s \\n'`,
    'ECHO ""',
    "ECHO a'b c'",
    '  ECHO   "é"  ',
  ],
  "a quote that isn't closed": ["PING", 'ECHO "a', "PING"],
  "something after a quote": ["PING", 'ECHO "a"b', "PING"],
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

/** Errors by their code only, since their texts differ; HELLO's reply without the fields that differ by server. */
function comparable(answers: string): string {
  return answers
    .replace(/^-([A-Z]+)[^\r]*/gm, "-$1")
    .replace(/(version\r\n)\$\d+\r\n[\d.]+/, "$1VERSION")
    .replace(/(id\r\n):\d+/, "$1ID");
}

it.each(Object.entries(conversations))("%s", async (_name, lines) => {
  const bytes = lines.map((line) => `${line}\r\n`).join("");
  const expected = comparable(await ask(redis?.port ?? 0, bytes, "latin1"));
  expect(comparable(await ask(broker.port, bytes, "latin1"))).toBe(expected);
});
