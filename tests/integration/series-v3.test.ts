/** Series v3 and the fallback to v2: the cost of an address without v3, of a middlebox and of a refused record. */
import { describe, expect, it } from "vitest";
import type { Fault, ReceivedRequest } from "../../packages/agent/src/intake/faults.js";
import type { IntakeOptions } from "../../packages/agent/src/intake/intake.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type Delivering, deliveries } from "../support/delivering.js";

const V3 = "/api/intake/metrics/v3/series";
const V2 = "/api/v2/series";
const { intakeWith, deliverTo } = deliveries(cleanUpsAfterEach());

async function start(rule: (request: ReceivedRequest) => Fault | undefined, options: IntakeOptions = {}) {
  const paths: string[] = [];
  const onRequest = ({ path, status }: { path: string; status: number | undefined }) =>
    paths.push(`${path} ${status}`);
  const intake = await intakeWith({ ...options, rules: rule, onRequest });
  const delivering = deliverTo(intake.url, { batchSize: 1_000, seriesVersion: "v3" });
  return { intake, delivering, paths };
}

/** So many points of one series that v3 takes fewer bytes. */
async function putBacklog(delivering: Delivering, points = 300) {
  for (let index = 0; index < points; index++) await delivering.put("engine.rpm", 1_000 + 10 * index);
}

describe("series v3", () => {
  it("carries a backlog, while a few points go by v2", async () => {
    const { delivering, paths, intake } = await start(() => undefined);
    await delivering.put("a");
    await putBacklog(delivering);
    expect(await delivering.dispatcher.dispatch()).toMatchObject({ delivered: 301 });
    expect(paths).toEqual([`${V2} 202`, `${V3} 202`]);
    expect(intake.counts().points.received).toBe(301);
  });

  it.each([
    404, 400, 405, 302,
  ])("that an address answers with %d costs one request, and no record", async (status) => {
    const { delivering, paths } = await start(({ path }) => (path === V3 ? { status } : undefined));
    for (let release = 0; release < 3; release++) {
      await putBacklog(delivering);
      expect(await delivering.dispatcher.dispatch()).not.toHaveProperty("failure");
    }
    expect(paths).toEqual([`${V3} ${status}`, `${V2} 202`, `${V2} 202`, `${V2} 202`]);
    expect(await delivering.rejected()).toEqual([]);
  });

  it.each([500, 503, 429])("that is answered with %d stays in use, and the batch is kept", async (status) => {
    const { delivering, paths } = await start(({ number }) => (number === 1 ? { status } : undefined));
    await putBacklog(delivering);
    expect(await delivering.dispatcher.dispatch()).toMatchObject({
      delivered: 0,
      failure: { kind: "unavailable" },
    });
    expect(await delivering.dispatcher.dispatch()).toMatchObject({ delivered: 300 });
    expect(paths).toEqual([`${V3} ${status}`, `${V3} 202`]);
  });

  it("comes back by itself after a middlebox that refused everything", async () => {
    let isRefusing = true;
    const { delivering, paths } = await start(() => (isRefusing ? { status: 400 } : undefined));
    await putBacklog(delivering);
    await delivering.dispatcher.dispatch();
    expect(await delivering.waiting()).toBe(300);
    isRefusing = false;
    // A single record finds out that it is over.
    for (let release = 0; release < 3; release++) {
      await putBacklog(delivering);
      await delivering.dispatcher.dispatch();
    }
    expect(await delivering.waiting()).toBe(0);
    expect(await delivering.rejected()).toEqual([]);
    expect(paths.at(-1)).toBe(`${V3} 202`);
  });

  it("rejects a refused record alone, as v2 does", async () => {
    const refuse: IntakeOptions["refuse"] = ({ metric }) =>
      metric === "poison" ? "no such metric" : undefined;
    const { delivering, intake } = await start(() => undefined, { refuse });
    await putBacklog(delivering);
    await delivering.put("poison", 2_000);
    await delivering.dispatcher.dispatch();
    expect(await delivering.waiting()).toBe(0);
    expect((await delivering.rejected()).map(({ reason }) => reason)).toEqual([
      expect.stringContaining("no such metric"),
    ]);
    expect(intake.counts().points.received).toBe(300);
  });
});
