/** The promises of every output, for each signal. A new output in the table is tested too. */
import {
  addToSketch,
  bySignal,
  newSketch,
  type Signal,
  type SignalRecords,
  seconds,
} from "@chouette-iot/record";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { OUTPUT_NAMES, OUTPUTS, type OutputName } from "../../packages/agent/src/config/outputs.js";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import type { Output } from "../../packages/agent/src/outputs/output.js";
import { WireMeter } from "../../packages/agent/src/outputs/wire-meter.js";
import { closeReloadable, openReloadable, type Reloadable } from "../../packages/agent/src/reloadable.js";

const KEY = "0123456789abcdef0123456789abcdef";
const SIGNALS = Object.keys(bySignal(() => true)) as Signal[];
const NOW = seconds(Math.floor(Date.now() / 1000));
const sketch = newSketch();
addToSketch(sketch, 1);

const RECORDS: { readonly [S in Signal]: SignalRecords[S] } = {
  metrics: { metric: "m", type: "gauge", tags: ["a:b"], points: [[NOW, 1]] },
  logs: { date: new Date(NOW * 1000).toISOString(), message: { msg: "text" }, ddtags: ["a:b"] },
  sketches: { metric: "d", tags: ["a:b"], at: NOW, sketch },
  events: { title: "title", text: "text", date_happened: NOW, tags: ["a:b"] },
  checks: { check: "c", status: 0, timestamp: NOW, tags: ["a:b"] },
};

/** A gateway takes records with their ids, and has its own promises: integration/gateway.test.ts. */
const NAMES = OUTPUT_NAMES.filter((name) => name !== "gateway");

let intake: Intake;
let reloadable: Reloadable | undefined;
let printed = "";

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text;
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  printed = "";
  if (reloadable !== undefined) await closeReloadable(reloadable);
  await intake.close();
});

async function open(name: OutputName, signal: Signal, url = intake.url): Promise<Output<unknown>> {
  const loaded = readSettings({
    ...{ CHOUETTE_OUTPUT: name, API_KEY: KEY, HOST: "device" },
    ...{ DATADOG_URL: `${url}/api`, DATADOG_LOGS_URL: url },
  });
  if (!loaded.ok) throw new Error(loaded.problems.join());
  reloadable = await openReloadable(loaded.config, new WireMeter());
  return reloadable.outputs[signal] as Output<unknown>;
}

function received(): number {
  return (
    intake.points().length +
    intake.logs().length +
    intake.sketches().length +
    intake.events().length +
    intake.checks().length
  );
}

describe.each(NAMES)("the output %s", (name) => {
  const { usesDatadogUrls } = OUTPUTS[name];

  it.each(
    SIGNALS,
  )("delivers %s to its place, and counts bytes if and only if they are paid for", async (signal) => {
    const output = await open(name, signal);
    const outcome = await output.send([RECORDS[signal]]);
    expect(outcome).toMatchObject({ kind: "delivered" });
    expect(outcome.bytes > 0).toBe(usesDatadogUrls);
    expect(received()).toBe(usesDatadogUrls ? 1 : 0);
    expect(printed.trimEnd().split("\n").filter(Boolean)).toHaveLength(usesDatadogUrls ? 0 : 1);
  });

  it.each(SIGNALS)("would be let in with %s, without sending any", async (signal) => {
    const output = await open(name, signal);
    expect(await output.check()).toEqual({ kind: "delivered", bytes: 0 });
    expect(received()).toBe(0);
    expect(printed).toBe("");
  });

  it.each(SIGNALS)("answers for %s that can't be encoded, and never throws", async (signal) => {
    const output = await open(name, signal);
    const broken = new Proxy(RECORDS[signal], {
      get: () => {
        throw new Error("broken");
      },
    });
    expect(await output.send([broken])).toMatchObject({ kind: "refused", foundBy: "output", bytes: 0 });
  });
});

describe.each(NAMES.filter((name) => OUTPUTS[name].usesDatadogUrls))("the output %s", (name) => {
  it.each(SIGNALS)("keeps %s if nobody answers at its place", async (signal) => {
    const output = await open(name, signal);
    await intake.close();
    expect(await output.send([RECORDS[signal]])).toMatchObject({ kind: "unavailable", answered: false });
  });

  it.each(SIGNALS)("keeps %s if it is given up", async (signal) => {
    const output = await open(name, signal);
    expect(await output.send([RECORDS[signal]], AbortSignal.abort())).toMatchObject({ kind: "unavailable" });
  });
});
