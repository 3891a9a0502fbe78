/** The dashboard of a real agent in a real browser, in the states in which people look at it. */
import { randomBytes } from "node:crypto";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { total } from "../../packages/agent/src/status/ledger.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import { brokerPort, runChouette, startAgentProcess, statusPort } from "../support/agent-process.js";
import { type Broker, lookInto } from "../support/broker-records.js";
import { accessibilityProblems, excessWidth, openPage, startBrowser, textOf } from "../support/browser.js";
import { newFolder } from "../support/folders.js";
import { until } from "../support/until.js";

const KEY = "0123456789abcdef0123456789abcdef";
const TOKEN = "a-token-of-sixteen-and-more";

let browser: Browser;
let intake: Intake;
let cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser.close());

beforeEach(async () => {
  const started = await startIntake({ apiKey: KEY });
  intake = started;
  cleanUps = [() => started.close()];
});

afterEach(async () => {
  for (const page of await browser.pages()) if (page.url() !== "about:blank") await page.close();
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

interface Device {
  readonly url: string;
  readonly queue: Broker;
  status(): Promise<Status>;
}

async function startDevice(settings: Readonly<Record<string, string>> = {}): Promise<Device> {
  const folder = await newFolder();
  const agent = await startAgentProcess({
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: `${intake.url}/api`,
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_HTTP: "127.0.0.1:0",
    CHOUETTE_DATA_DIR: folder.path,
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...settings,
  });
  const queue = await lookInto(`redis://127.0.0.1:${await brokerPort(agent)}`);
  const url = `http://127.0.0.1:${await statusPort(agent)}`;
  cleanUps.push(
    () => folder.remove(),
    () => agent.end(),
    () => queue.close(),
  );
  return { url, queue, status: async () => (await fetch(`${url}/status`)).json() as Promise<Status> };
}

/** In one window that is closed. */
async function putCounts(queue: Broker, records: number, text?: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000) - 3;
  const record = { metric: "greenhouse.pump", type: "count", value: 1, timestamp: now, tags: {} };
  for (let i = 0; i < records; i++) await queue.put(text ?? JSON.stringify(record), now);
}

/** The sums of the ledger as the page writes them. */
function sumsOf({ queues = [] }: Status): readonly string[] {
  return queues.map(({ ledger: { accepted, done, pending, dropped } }) => {
    const [a, d, p, r] = [accepted, total(done), pending, total(dropped)].map((n) => n.toLocaleString("en"));
    return `${a} accepted = ${d} done + ${p} pending + ${r} dropped`;
  });
}

/**
 * Checks what must be true in every state: no errors, nothing found by axe, no horizontal scrolling, and the figures of
 * /status.
 */
async function inspect({ url, status }: Device, headline: RegExp) {
  const { page, errors } = await openPage(browser, url);
  await until(`the headline ${headline}`, async () => headline.test((await textOf(page, "#headline")) ?? ""));
  await until("the ledger to equal /status", async () => {
    const shown = await textOf(page, "#ledger");
    return sumsOf(await status()).every((sum) => shown?.includes(sum));
  });
  expect(await accessibilityProblems(page)).toEqual([]);
  expect(await excessWidth(page)).toBe(0);
  await page.setViewport({ width: 360, height: 740 });
  expect(await excessWidth(page)).toBe(0);
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.setViewport({ width: 1280, height: 800 });
  expect(errors).toEqual([]);
  return page;
}

describe("the dashboard", () => {
  it("of a fresh agent says how to send a first record, and needs no script, no other host and no style of its own", async () => {
    const device = await startDevice();
    const page = await inspect(device, /^OK Waiting for the first record\.$/);
    expect(await textOf(page, "#state")).toContain("chouette send count my.metric 1");
    const answer = await fetch(device.url);
    const markup = await answer.text();
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
    expect(markup).not.toMatch(/ style=|https?:\/\/(?!127\.0\.0\.1)| on[a-z]+=|<script>/);
    const files = ["/", "/page.css", "/page.js", "/uPlot.css", "/uPlot.js", "/icon.svg"];
    const sizes = await Promise.all(
      files.map(async (path) => (await (await fetch(`${device.url}${path}`)).arrayBuffer()).byteLength),
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(100_000);
  });

  it("of an agent that delivers has the figures of /status, and shows new ones without a reload", async () => {
    const device = await startDevice({ DAILY_BYTE_BUDGET: "1000000" });
    await putCounts(device.queue, 7);
    await putCounts(device.queue, 1, '<img src="x" onerror="document.title=1"> \u202e');
    await until("a delivery", () => intake.points().length > 0);
    const page = await inspect(device, /^OK Delivering to Datadog: last delivery /);
    expect(await textOf(page, "#series")).toContain("greenhouse.pump");
    expect(await textOf(page, "#dead-letters")).toContain('<img src="x" onerror="document.title=1"> �');
    expect(await page.$$("#dead-letters img")).toEqual([]);
    expect(await textOf(page, "#chart-today-text")).toContain("budget 1 MB");
    await page.evaluate("document.querySelector('#all-settings').open = true");
    await putCounts(device.queue, 5);
    await until("the new records on the page", async () =>
      (await textOf(page, "#ledger"))?.includes("13 accepted = 12 done + 0 pending + 1 dropped"),
    );
    // It is the same page: opened sections are still open.
    expect(await textOf(page, "#all-settings")).toContain("DAILY_BYTE_BUDGET 1000000");
    expect(await textOf(page, "#all-settings")).not.toContain(KEY);
  });

  it("while the link is down says since when, and what waits", async () => {
    await intake.close();
    cleanUps.shift();
    const device = await startDevice();
    await putCounts(device.queue, 3);
    const page = await inspect(device, /^Warning Datadog is unavailable since \d.*\.$/);
    expect(await textOf(page, "#state")).toMatch(/ECONNREFUSED.* 1 record waits,/);
    expect(await textOf(page, "#outages")).toMatch(/Datadog unavailable since .*ECONNREFUSED/);
  });

  it("of an agent whose key is refused says so, and which settings to check", async () => {
    const device = await startDevice({ API_KEY: "another-key-that-nobody-knows-at-all" });
    await putCounts(device.queue, 3);
    const page = await inspect(device, /^Error Datadog refuses the API key since \d.*\.$/);
    expect(await textOf(page, "#state")).toContain("Check API_KEY and DD_SITE");
    expect(await page.content()).not.toContain("another-key-that-nobody-knows-at-all");
  });

  it("of a full store says that records are deleted", async () => {
    await intake.close();
    cleanUps.shift();
    const device = await startDevice({ STORE_MAX_BYTES: "1000000", RELEASE_INTERVAL: "60" });
    const { page, errors } = await openPage(browser, device.url, 360);
    // Not a valid record, so that each becomes a dead letter of its size.
    const text = randomBytes(60_000).toString("hex");
    await until("the headline", async () => {
      await putCounts(device.queue, 5, text);
      return /^Error The store is full: .* since /.test((await textOf(page, "#headline")) ?? "");
    });
    expect(await textOf(page, "#state")).toContain("limit 1000000 bytes");
    expect(await excessWidth(page)).toBe(0);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("says that the agent doesn't answer any more", async () => {
    const device = await startDevice();
    const { page } = await openPage(browser, device.url);
    await until("the first update", async () => /as of \d/.test((await textOf(page, "#live")) ?? ""));
    await cleanUps.splice(-2, 1)[0]?.();
    await until("the end", async () =>
      (await textOf(page, "#live"))?.endsWith(": the agent does not answer"),
    );
  });

  it("asks for the token, once, and is shown to nobody without it", async () => {
    const device = await startDevice({ CHOUETTE_HTTP_TOKEN: TOKEN });
    for (const path of ["/", "/events", "/history", "/status", "/metrics", "/page.js"]) {
      expect((await fetch(device.url + path)).status, path).toBe(401);
      const asked = await fetch(device.url + path, {
        headers: { authorization: "Bearer of-nothing-at-all-16" },
      });
      expect(asked.status, path).toBe(401);
    }
    expect((await fetch(`${device.url}/healthz`)).status).toBe(200);
    const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };
    expect((await fetch(`${device.url}/status`, bearer)).status).toBe(200);
    const asking = { CHOUETTE_HTTP: new URL(device.url).host };
    const without = runChouette(["status"], asking);
    const withToken = runChouette(["status"], { ...asking, CHOUETTE_HTTP_TOKEN: TOKEN });
    expect([await without.ended, await withToken.ended]).toEqual([1, 0]);
    expect(without.output()).toContain("check CHOUETTE_HTTP_TOKEN");
    const { page } = await openPage(browser, device.url);
    expect(await accessibilityProblems(page)).toEqual([]);
    const enter = async (token: string) => {
      await page.type("#token", token);
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    };
    await enter("not the token");
    expect(await textOf(page, "[role=alert]")).toBe("Wrong token.");
    await enter(TOKEN);
    await until("the page", async () =>
      (await textOf(page, "#headline"))?.includes("Waiting for the first record"),
    );
    expect(page.url()).toBe(`${device.url}/`);
    const cookies = await page.browserContext().cookies();
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: "Strict" }]);
    expect(JSON.stringify(cookies)).not.toContain(TOKEN);
  });

  it("can be used with the keyboard alone", async () => {
    const device = await startDevice();
    const { page } = await openPage(browser, device.url);
    const reached = new Set<string>();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      reached.add(String(await page.evaluate("document.activeElement.outerHTML.slice(0, 40)")));
    }
    const all = [...reached].join("\n");
    expect(all).toContain('<input type="radio" name="range"');
    expect(all).toContain("<summary>");
    expect(all).toContain('<a href="/status"');
    await page.focus("input[name=range]");
    await page.keyboard.press("ArrowRight");
    expect(await page.$eval("input[name=range]:checked", (input) => input.getAttribute("value"))).toBe("day");
  });
});
