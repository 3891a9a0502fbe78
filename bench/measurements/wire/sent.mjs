/** Sends a workload in one encoding to a stand-in for Datadog, which counts the bytes and parses every body. */
import { startIntake } from "../../../packages/agent/dist/intake/intake.js";
import { startDispatching } from "../../support/dispatching.mjs";

const HOST = "device-1";

/** Sends all releases to a separate intake and returns its counts. */
export async function sent(releases, open, check) {
  const intake = await startIntake({ keepPoints: Number.POSITIVE_INFINITY });
  try {
    const { release, close } = await open(intake.url);
    for (const { at, records } of releases) await release(at, records);
    await close();
    check(intake);
    const { bytes, requests } = intake.counts();
    return {
      bytes: bytes.sent,
      requests: Object.values(requests).reduce((sum, byStatus) => sum + (byStatus[202] ?? 0), 0),
    };
  } finally {
    await intake.close();
  }
}

/** The agent of a tree. @param {{ precision?: number, seriesVersion?: "v2" | "v3" }} [options] precision: significant digits */
export function byAgent(tree, what, options) {
  return (url) => startDispatching(tree, what, { url, ...options });
}

/** @param {import("../../support/wire-ways.mjs").Way} way */
export function byWay({ requests }) {
  return (url) => ({
    release: async (_, records) => {
      for (const { path, type, encoding, body } of await requests(records, HOST)) {
        const headers = { "DD-API-KEY": "bench", "Content-Type": type, "Content-Encoding": encoding };
        const answer = await fetch(url + path, { method: "POST", headers, body });
        if (answer.status !== 202)
          throw new Error(`the intake answered ${answer.status}: ${await answer.text()}`);
        await answer.arrayBuffer();
      }
    },
    close: async () => {},
  });
}

/** @param {number} logs how many are to arrive */
export function checkLogs(logs) {
  return (intake) => {
    const { received } = intake.counts().logs;
    if (received !== logs) throw new Error(`${received} of ${logs} logs arrived`);
  };
}

/** @param {number} off  how far a gauge may be from what was sent, as a part of it */
export function checkPoints(releases, off) {
  const key = (metric, tags, at) => `${at} ${metric} ${[...tags].sort()}`;
  const expected = new Map();
  for (const { metric, tags, points } of releases.flatMap(({ records }) => records)) {
    for (const [at, value] of points) expected.set(key(metric, tags, at), value);
  }
  return (intake) => {
    const arrived = intake.points();
    if (arrived.length !== expected.size)
      throw new Error(`${arrived.length} of ${expected.size} points arrived`);
    for (const { metric, tags, at, value, type } of arrived) {
      const sent = expected.get(key(metric, tags, at));
      const most = type === "count" ? 0 : off * Math.abs(sent);
      if (!(Math.abs(value - sent) <= most))
        throw new Error(`${metric} ${tags}: ${sent} arrived as ${value}`);
    }
  };
}
