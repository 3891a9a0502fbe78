/** The real pino and the real winston, into a real Redis. */
import { fileURLToPath } from "node:url";
import pino from "pino";
import { expect, test } from "vitest";
import winston from "winston";
import { ChouetteTransport } from "../../packages/client/src/logs/winston.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { until } from "../support/until.js";

const QUEUE = "chouette:logs:wrapped";
const server = redisForTests();

async function logs(count: number): Promise<readonly unknown[]> {
  await until(`${count} logs`, async () => (await server.broker.size(QUEUE)) >= count);
  return (await server.broker.records(QUEUE)).map(({ json }) => json);
}

test("pino, through its worker thread", async () => {
  const target = fileURLToPath(new URL("../../packages/client/dist/logs/pino.js", import.meta.url));
  const transport = pino.transport({
    target,
    options: { url: server.redis.url, service: "shop", tags: ["env:live"] },
  });
  const logger = pino({ level: "trace" }, transport).child({ request: 7 });
  logger.warn({ tags: { zone: "a" } }, "careful");
  logger.fatal(new Error("it broke"));
  logger.trace("seen");
  const [careful, broke, seen] = await logs(3);
  expect(careful).toMatchObject({
    ddsource: "shop",
    service: "shop",
    ddtags: ["env:live", "zone:a"],
    level: "WARNING",
    message: { msg: "careful" },
    request: 7,
  });
  expect(broke).toMatchObject({ level: "CRITICAL", message: { msg: "it broke" } });
  expect((broke as { exc_info: string }).exc_info).toMatch(/^Error: it broke\n/);
  expect(seen).toMatchObject({ level: "DEBUG" });
  transport.end();
});

test("winston, to the end of the logger", async () => {
  const transport = new ChouetteTransport({ url: server.redis.url, service: "shop" });
  const logger = winston.createLogger({
    level: "silly",
    format: winston.format.combine(
      winston.format.errors({ stack: true }),
      winston.format.splat(),
      winston.format.colorize(),
    ),
    defaultMeta: { request: 7 },
    transports: [transport],
  });
  logger.warn("careful, %s", "you", { tags: ["zone:a"] });
  logger.error(new Error("it broke"));
  logger.silly("seen");
  const finished = new Promise((resolve) => transport.on("finish", resolve));
  logger.end();
  await finished;
  const [careful, broke, seen] = await logs(3);
  expect(careful).toMatchObject({
    service: "shop",
    ddtags: ["zone:a"],
    level: "WARNING",
    message: { msg: "careful, you" },
    request: 7,
  });
  expect(broke).toMatchObject({ level: "ERROR", message: { msg: "it broke" } });
  expect((broke as { exc_info: string }).exc_info).toMatch(/^Error: it broke\n/);
  expect(seen).toMatchObject({ level: "DEBUG" });
});
