/**
 * Bytes on the wire: the agent counts the same as a TCP proxy in front of the intake, and flaky answers cost little.
 */
import { readFile } from "node:fs/promises";
import type { Milliseconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { readRecentWireUse } from "../../packages/agent/src/dispatch/sent-bytes.js";
import { sumOfWire } from "../../packages/agent/src/dispatch/wire-counts.js";
import { type IntakeOptions, startIntake } from "../../packages/agent/src/intake/intake.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startDelivering } from "../support/delivering.js";
import { startForwardProxy } from "../support/forward-proxy.js";
import { startHttpsFront } from "../support/https-front.js";

const ms = (value: number) => value as Milliseconds;
const cleanUps = cleanUpsAfterEach();

/** An agent's delivery over TLS, with a counting proxy in front of the intake. */
async function start({ rules, through }: { rules?: IntakeOptions["rules"]; through?: "proxy" } = {}) {
  const intake = await startIntake(rules === undefined ? {} : { rules });
  cleanUps.push(() => intake.close());
  const front = await startHttpsFront(intake.url);
  cleanUps.push(() => front.stop());
  const forward = through === undefined ? undefined : await startForwardProxy();
  if (forward !== undefined) cleanUps.push(() => forward.stop());
  const counting = await startCountingProxy(forward?.port ?? Number(new URL(front.url).port));
  cleanUps.push(() => counting.stop());
  const proxy = forward === undefined ? undefined : `http://127.0.0.1:${counting.port}`;
  const delivering = startDelivering({
    url: forward === undefined ? `https://localhost:${counting.port}` : front.url,
    connection: {
      certificateAuthority: await readFile(front.authority, "utf8"),
      proxies: { http: undefined, https: proxy, except: undefined },
    },
    timeouts: { answer: ms(20_000), whole: ms(20_000) },
  });
  cleanUps.push(() => delivering.stop());
  const counted = async () => {
    await delivering.dispatcher.countBytes();
    return readRecentWireUse(delivering.store, systemClock);
  };
  return { intake, counting, delivering, counted };
}

/** A host's minute has a body of some 590 bytes. */
async function release({ delivering }: Awaited<ReturnType<typeof start>>) {
  for (let index = 0; index < 24; index++) await delivering.put(`host.part${index}.${Math.random()}`);
  return delivering.dispatcher.dispatch();
}

describe("the count of bytes on the wire", () => {
  it.each([undefined, "proxy"] as const)("is the proxy's, handshake and all: through %s", async (through) => {
    const setting = await start(through === undefined ? {} : { through });
    for (let index = 0; index < 3; index++) await release(setting);
    const { today, month } = await setting.counted();
    const { up, down, connections } = setting.counting.counts;
    expect(connections).toBe(1);
    expect(Math.abs(sumOfWire(today) - up - down)).toBeLessThan(0.01 * (up + down));
    expect(today).toEqual(month);
    expect(today).toEqual([
      {
        destination: "localhost",
        purpose: "metrics",
        sent: expect.any(Number),
        received: expect.any(Number),
      },
    ]);
    expect(setting.delivering.sentBytes.today()).toBe(sumOfWire(today));
  });

  it("holds failures, too, and adds up over connections, while each of them is resumed", async () => {
    const setting = await start({
      rules: ({ number }) => (number % 2 === 0 ? { closeAfterBytes: 1 } : undefined),
    });
    for (let index = 0; index < 6; index++) await release(setting);
    const { up, down, connections } = setting.counting.counts;
    expect(connections).toBeGreaterThan(2);
    const { today } = await setting.counted();
    expect(Math.abs(sumOfWire(today) - up - down)).toBeLessThan(0.01 * (up + down));
  });
});

describe("an intake that answers every second request with 503", () => {
  it("is asked on one connection", async () => {
    const setting = await start({ rules: ({ number }) => (number % 2 === 0 ? { status: 503 } : undefined) });
    for (let index = 0; index < 9; index++) await release(setting);
    expect(setting.counting.counts.connections).toBe(1);
  });
});

describe("a TLS session", () => {
  it("outlasts a connection that was cut off", async () => {
    const setting = await start({
      rules: ({ number }) => (number === 2 ? { closeAfterBytes: 1 } : undefined),
    });
    await release(setting);
    const first = { ...setting.counting.counts };
    await release(setting);
    const cut = { ...setting.counting.counts };
    await release(setting);
    // Only the first handshake has certificates.
    expect(first.down).toBeGreaterThan(900);
    expect(setting.counting.counts.connections).toBeGreaterThan(1);
    expect(setting.counting.counts.down - cut.down).toBeLessThan(0.7 * first.down);
  });
});
