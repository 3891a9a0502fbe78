/** Requests with a key: when it is read again, what a body may be, and what an encoder may cause. */

import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { setImmediate } from "node:timers/promises";
import { inflateSync } from "node:zlib";
import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { listen } from "../../../../tests/support/listening.js";
import { type ApiKey, fixedKey } from "./api-key.js";
import { datadogChecks, datadogEvents } from "./datadog-events.js";
import { datadogLogs } from "./datadog-logs.js";
import { datadogMetrics } from "./datadog-metrics.js";
import { datadogOutput, smallestWithinLimits } from "./datadog-post.js";
import { HttpSender } from "./http.js";
import type { PlainBody } from "./smallest-body.js";

const cleanUps = cleanUpsAfterEach();

interface Seen {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly length: number;
}

/** An intake that accepts some keys, and what it was sent. */
async function start(accepts: (key: string, path: string) => number = () => 202) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const { headers, url: path } = request;
      const isDeflated = headers["content-encoding"] === "deflate";
      const text = (isDeflated ? inflateSync(body) : body).toString();
      seen.push({ path, headers, text, length: body.length });
      response.writeHead(accepts(`${headers["dd-api-key"]}`, path ?? "")).end('{"errors":[]}');
    });
  });
  const { port, stop } = await listen(server);
  const sender = new HttpSender();
  cleanUps.push(stop, () => sender.close());
  const url = `http://127.0.0.1:${port}`;
  const access = (key: ApiKey = fixedKey("first")) => ({
    ...{ apiUrl: `${url}/api`, logsUrl: `${url}/api/v2/logs`, key, sender, purpose: "events" as const },
    hostName: () => "device",
  });
  return { seen, access, url };
}

/** A key that is another one each time that it is read, as long as there are any. */
function changingKey(...keys: readonly string[]): ApiKey & { readonly renewals: number } {
  let [current = "", ...next] = keys;
  let renewals = 0;
  return {
    get current() {
      return current;
    },
    get renewals() {
      return renewals;
    },
    renew: async () => {
      renewals += 1;
      // As a file is read.
      await setImmediate();
      const [renewed = current, ...rest] = next;
      const isChanged = renewed !== current;
      [current, next] = [renewed, rest];
      return isChanged;
    },
  };
}

const log = { message: "m", ddtags: [] };

describe("a request whose key is refused", () => {
  it("is made once more with another key, and the bytes of both count", async () => {
    const { seen, access } = await start((key) => (key === "second" ? 202 : 403));
    const key = changingKey("first", "second");
    const outcome = await datadogLogs(access(key)).send([log]);
    expect(seen.map(({ headers }) => headers["dd-api-key"])).toEqual(["first", "second"]);
    expect(outcome).toEqual({ kind: "delivered", bytes: (seen[0]?.length ?? 0) + (seen[1]?.length ?? 0) });
  });

  it("isn't made again with the same key, nor a third time", async () => {
    const { seen, access } = await start(() => 403);
    expect(await datadogLogs(access(changingKey("first"))).send([log])).toMatchObject({
      kind: "unauthorized",
    });
    expect(seen).toHaveLength(1);
    const key = changingKey("first", "second", "third");
    expect(await datadogLogs(access(key)).send([log])).toMatchObject({ kind: "unauthorized", status: 403 });
    expect(seen).toHaveLength(3);
  });

  it.each([
    500, 400, 202,
  ])("is the only one for which the key is read again: not after %d", async (status) => {
    const { seen, access } = await start(() => status);
    const key = changingKey("first", "second");
    await datadogLogs(access(key)).send([log]);
    expect([seen.length, key.renewals]).toEqual([1, 0]);
  });

  it("is checked with the key as it is then", async () => {
    const { seen, access } = await start((key) => (key === "second" ? 200 : 403));
    const output = datadogLogs(access(changingKey("first", "second")));
    expect(await output.check()).toEqual({ kind: "delivered", bytes: 0 });
    expect(seen.map(({ path, headers }) => [path, headers["dd-api-key"]])).toEqual([
      ["/api/v1/validate", "second"],
    ]);
    expect(await datadogLogs(access()).check()).toMatchObject({ kind: "unauthorized", bytes: 0 });
  });

  it("or any other isn't made once it is given up", async () => {
    const { seen, access } = await start();
    const output = datadogLogs(access());
    expect(await output.send([log], AbortSignal.abort())).toMatchObject({ kind: "unavailable", bytes: 0 });
    expect(await output.check(AbortSignal.abort())).toMatchObject({ kind: "unavailable", bytes: 0 });
    expect(seen).toEqual([]);
  });
});

describe("a body", () => {
  const endpoint = (maxSentBytes: number, maxInflatedBytes: number) =>
    ({ url: "", encodings: ["deflate"], maxSentBytes, maxInflatedBytes }) as const;
  const plain = (bytes: Uint8Array, sent = 1_000_000, inflated = 1_000_000): PlainBody => ({
    ...{ endpoint: endpoint(sent, inflated), contentType: "text/plain", bytes },
  });

  it("within its limits is compressed", async () => {
    const bytes = Buffer.alloc(1_000, "a");
    const encoded = await smallestWithinLimits(() => [plain(bytes, 1_000, 1_000)]);
    expect(encoded).toMatchObject({ ok: true, value: { encoding: "deflate", contentType: "text/plain" } });
    expect(encoded.ok && inflateSync(encoded.value.bytes)).toEqual(bytes);
  });

  it.each([
    [1_001, 2],
    [1_900, 2],
    [1_910, 3],
    [10_000, 11],
  ])("over the limit of what it inflates to is split into as few parts as will fit: %d bytes of 1,000", async (length, parts) => {
    const encoded = await smallestWithinLimits(() => [plain(Buffer.alloc(length), 1_000, 1_000)]);
    const reason = `${length} bytes inflated; the intake takes 1000`;
    expect(encoded).toEqual({
      ok: false,
      outcome: { kind: "too-large", reason, parts, foundBy: "output", bytes: 0 },
    });
  });

  it("over the limit of what is sent is split as well, and one at the limit isn't", async () => {
    const bytes = randomBytes(1_000);
    const encoded = await smallestWithinLimits(() => [plain(bytes)]);
    const length = encoded.ok ? encoded.value.bytes.length : 0;
    expect(length).toBeGreaterThan(900);
    expect(await smallestWithinLimits(() => [plain(bytes, length)])).toMatchObject({ ok: true });
    expect(await smallestWithinLimits(() => [plain(bytes, length - 1)])).toMatchObject({
      ok: false,
      outcome: {
        kind: "too-large",
        reason: `${length} bytes compressed; the intake takes ${length - 1}`,
        parts: 2,
      },
    });
  });

  it("is encoded under the host name of that moment; one that can't be encoded isn't sent", async () => {
    const { seen, access } = await start();
    const output = (encode: (batch: readonly string[], host: string) => string | Uint8Array) =>
      datadogOutput(
        { ...endpoint(1_000, 1_000), url: `${access().apiUrl}/x` },
        "text/plain",
        access(),
        encode,
      );
    await output((batch, host) => `${host} ${batch}`).send(["a"]);
    await output((batch) => Buffer.from(`bytes ${batch}`)).send(["b"]);
    const broken = output(() => {
      throw new RangeError("too deep");
    });
    const reason = "can't be encoded: too deep";
    expect(await broken.send(["c"])).toEqual({ kind: "refused", reason, foundBy: "output", bytes: 0 });
    expect(seen.map(({ text, headers }) => [text, headers["content-type"]])).toEqual([
      ["device a", "text/plain"],
      ["bytes b", "text/plain"],
    ]);
  });
});

describe("events and service checks", () => {
  const event = { title: "t", text: "x", date_happened: seconds(10.9), tags: ["B:c", "a:b"] };

  it("are sent with their host, canonical tags and whole seconds", async () => {
    const { seen, access } = await start();
    const check = { check: "c", status: 1 as const, timestamp: seconds(10.9), tags: ["B:c", "a:b"] };
    await datadogEvents(access()).send([event]);
    await datadogEvents(access()).send([{ ...event, host: "far" }]);
    await datadogChecks(access()).send([check, { ...check, host_name: "far" }]);
    const tags = ["a:b", "b:c"];
    const sent = { title: "t", text: "x", date_happened: 10, tags };
    const checked = { check: "c", status: 1, timestamp: 10, tags };
    expect(seen.map(({ path, text }) => [path, JSON.parse(text)])).toEqual([
      ["/api/v1/events", { ...sent, host: "device" }],
      ["/api/v1/events", { ...sent, host: "far" }],
      [
        "/api/v1/check_run",
        [
          { ...checked, host_name: "device" },
          { ...checked, host_name: "far" },
        ],
      ],
    ]);
  });

  it("have no host if the device has no name", async () => {
    const { seen, access } = await start();
    await datadogEvents({ ...access(), hostName: () => "" }).send([event]);
    expect(JSON.parse(seen[0]?.text ?? "")).not.toHaveProperty("host");
  });

  it("have titles of 100 characters and texts of 4,000 at most, with a mark if they are cut", async () => {
    const { seen, access } = await start();
    const send = async (title: number, text: number) => {
      await datadogEvents(access()).send([{ ...event, title: "t".repeat(title), text: "x".repeat(text) }]);
      const sent = JSON.parse(seen.at(-1)?.text ?? "");
      return [sent.title, sent.text];
    };
    expect(await send(100, 4_000)).toEqual(["t".repeat(100), "x".repeat(4_000)]);
    const [title, text] = await send(101, 4_001);
    expect([title.length, text.length]).toEqual([100, 4_000]);
    for (const cut of [title, text]) expect(cut).toMatch(/^(t+|x+)… \(cut\)$/);
  });
});

describe("metrics", () => {
  const metric = { metric: "m", type: "gauge" as const, tags: [], points: [[seconds(10), 1]] as const };
  const V3 = "/api/intake/metrics/v3/series";
  const V2 = "/api/v2/series";

  /** The paths of a batch's requests, with an outcome for the path of series v3 and one for that of v2. */
  async function paths(statuses: { v3: number; v2: number }, batches = 1) {
    const { seen, access } = await start((_, path) => (path === V3 ? statuses.v3 : statuses.v2));
    const output = datadogMetrics({ ...access(), seriesVersion: "v3", precision: undefined });
    // Small batches are shortest as v2.
    const batch = Array.from({ length: 150 }, (_, index) => ({
      ...metric,
      metric: `m.${index}`,
      tags: [`t:${index % 7}`],
    }));
    const outcomes = [];
    for (let sent = 0; sent < batches; sent++) outcomes.push(await output.send(batch));
    return { outcomes, paths: seen.map(({ path }) => path), lengths: seen.map(({ length }) => length) };
  }

  it("are sent as series v3", async () => {
    expect((await paths({ v3: 202, v2: 202 }, 2)).paths).toEqual([V3, V3]);
  });

  it("are sent as v2 immediately if the path of v3 isn't there, and for long afterwards", async () => {
    const { outcomes, paths: sent, lengths } = await paths({ v3: 404, v2: 202 }, 3);
    expect(sent).toEqual([V3, V2, V2, V2]);
    const [v3 = 0, v2 = 0] = lengths;
    expect(outcomes[0]).toEqual({ kind: "delivered", bytes: v3 + v2 });
    expect(outcomes[1]).toEqual({ kind: "delivered", bytes: v2 });
  });

  it("are sent as v2 until something is delivered if that isn't accepted either", async () => {
    const statuses = { v3: 404, v2: 404 };
    const { seen, access } = await start((_, path) => (path === V3 ? statuses.v3 : statuses.v2));
    const output = datadogMetrics({ ...access(), seriesVersion: "v3", precision: undefined });
    const batch = Array.from({ length: 150 }, (_, index) => ({
      ...metric,
      metric: `m.${index}`,
      tags: [`t:${index % 7}`],
    }));
    const send = async () => {
      const before = seen.length;
      await output.send(batch);
      return seen.slice(before).map(({ path }) => path);
    };
    expect(await send()).toEqual([V3, V2]);
    expect(await send()).toEqual([V2]);
    statuses.v2 = 202;
    expect(await send()).toEqual([V2]);
    statuses.v3 = 202;
    expect(await send()).toEqual([V3]);
  });

  it.each([
    401, 403, 408, 413, 429, 500, 503,
  ])("aren't sent as v2 after a %d, which isn't about the path", async (status) => {
    expect((await paths({ v3: status, v2: 202 }, 2)).paths).toEqual([V3, V3]);
  });

  it.each([
    400, 404, 405, 302, 499,
  ])("are sent as v2 after a %d, which may be about the path", async (status) => {
    expect((await paths({ v3: status, v2: 202 })).paths).toEqual([V3, V2]);
  });
});
