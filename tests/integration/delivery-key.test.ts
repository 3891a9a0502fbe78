/** A key that Datadog refuses: nothing is sent until it is accepted again, and nothing is lost. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Rules } from "../../packages/agent/src/intake/faults.js";
import { keyFromFile } from "../../packages/agent/src/outputs/api-key.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { deliveries, KEY } from "../support/delivering.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
const { intakeWith, deliverTo } = deliveries(cleanUps);

async function keyFile(text: string): Promise<string> {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const path = join(folder.path, "key");
  await writeFile(path, text);
  return path;
}

describe("a key that isn't accepted", () => {
  it.each([401, 403])("holds everything back after a %s, and asks before it sends again", async (status) => {
    let isAccepted = false;
    const asked: string[] = [];
    const intake = await intakeWith({
      rules: ({ path }) => {
        asked.push(path);
        return isAccepted ? undefined : { status };
      },
    });
    const delivering = deliverTo(intake.url, { batchSize: 1 });
    await delivering.put("a");
    await delivering.put("b");
    delivering.run();
    await until("some checks", () => asked.length > 4);
    expect(asked.filter((path) => path === "/api/v2/series")).toHaveLength(1);
    expect(delivering.waits.every((wait) => wait === 60_000)).toBe(true);
    expect(delivering.said.filter((text) => text.includes("refuses the API key"))).toHaveLength(1);
    isAccepted = true;
    await until("both to be delivered", async () => (await delivering.waiting()) === 0);
    expect(intake.points().map(({ metric }) => metric)).toEqual(["a", "b"]);
  });

  it("isn't taken for accepted because a captive portal answers its check", async () => {
    let answer: ReturnType<Rules> = { status: 403 };
    const checks: string[] = [];
    const sent: string[] = [];
    const intake = await intakeWith({
      rules: (request) => {
        (request.path === "/api/v2/series" ? sent : checks).push(request.path);
        return answer;
      },
    });
    const delivering = deliverTo(intake.url);
    await delivering.put("a");
    delivering.run();
    await until("the hold", () => checks.length > 0);
    for (const body of ["<html>Welcome</html>", "", "OK", "[]"]) {
      answer = { status: 200, body };
      const before = checks.length;
      await until("some checks", () => checks.length > before + 2);
    }
    expect(sent).toHaveLength(1);
    answer = undefined;
    await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
  });

  it("expires records all the same while it holds them back", async () => {
    const intake = await intakeWith({ rules: () => ({ status: 403 }) });
    const delivering = deliverTo(intake.url);
    await delivering.put("young");
    delivering.run();
    await until("the hold", () => delivering.waits.length > 1);
    await delivering.put("old", 20_000);
    await until("the old one to expire", async () => (await delivering.waiting()) === 1);
    expect((await delivering.store.counters()).get("chouette:metrics:wrapped:expired")).toBe(1);
  });

  it("is read again from its file, and what was refused is sent immediately with the new one", async () => {
    const path = await keyFile("an-old-key\n");
    const intake = await intakeWith();
    const delivering = deliverTo(intake.url, { key: await keyFromFile(path) });
    await writeFile(path, `${KEY}\n`);
    await delivering.put("a");
    expect(await delivering.dispatcher.dispatch()).toMatchObject({ delivered: 1 });
    expect(intake.counts().requests["/api/v2/series"]).toEqual({ 403: 1, 202: 1 });
    expect(await delivering.bodyBytes()).toBe(intake.counts().bytes.sent);
  });

  it("is read again on every check", async () => {
    const path = await keyFile("an-old-key");
    const intake = await intakeWith();
    const delivering = deliverTo(intake.url, { key: await keyFromFile(path) });
    await delivering.put("a");
    delivering.run();
    await until("a failed check", () => (intake.counts().requests["/api/v1/validate"]?.[403] ?? 0) > 0);
    await writeFile(path, KEY);
    await until("the record to be delivered", async () => (await delivering.waiting()) === 0);
  });
});
