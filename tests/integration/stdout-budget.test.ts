/** Printed metrics cost nothing: DAILY_BYTE_BUDGET defers none of them. */
import { expect, it } from "vitest";
import { startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startRedis } from "../support/redis-server.js";

const cleanUps = cleanUpsAfterEach();
it("prints logs of any level and collectors' metrics, however much was printed before", async () => {
  const redis = await startRedis();
  cleanUps.push(() => redis.stop());
  const broker = await lookInto(redis.url);
  cleanUps.push(() => broker.close());
  const put = (queue: string, id: string, record: object) =>
    broker.put(JSON.stringify(record), undefined, queue, id);
  const agent = await startAgentProcess({
    REDIS_URL: redis.url,
    CHOUETTE_OUTPUT: "stdout",
    COLLECTOR_PLUGINS: "[]",
    DAILY_BYTE_BUDGET: "1",
    RELEASE_INTERVAL: "1",
  });
  cleanUps.push(() => agent.end());
  for (const round of ["first", "second", "third"]) {
    const date = new Date().toISOString();
    await put("chouette:logs:wrapped", round, {
      date,
      level: "DEBUG",
      ddtags: [],
      message: { msg: `log-${round}` },
    });
    const points = [[Math.floor(Date.now() / 1000), 1]];
    const metric = { metric: `load.${round}`, type: "gauge", tags: [], points };
    await put("chouette:metrics:wrapped", `collect.0a.${round.length}`, metric);
    await agent.wrote(`log-${round}`);
    await agent.wrote(`load.${round}`);
  }
  expect(await broker.command("KEYS", "chouette:sent:*")).toEqual([]);
});
