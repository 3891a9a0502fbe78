/** How `chouette doctor` looks at the link to Datadog, the key and the clock: by one request of /v1/validate. */
import { readFile } from "node:fs/promises";
import { milliseconds } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { keyFromFile } from "../outputs/api-key.js";
import { Connections } from "../outputs/connections.js";
import { exchange } from "../outputs/exchange.js";
import type { Finding } from "./doctor-checks.js";

const TIMEOUT = milliseconds(10_000);
const TIMEOUTS = { connect: TIMEOUT, answer: TIMEOUT, keepAlive: TIMEOUT };
/** Datadog takes no point further in the future than 10 minutes; a tenth of that is worth a word. */
const LARGEST_SKEW_MS = 60_000;

export async function lookAtDatadog({ output, datadogUrl, settings }: Config): Promise<readonly Finding[]> {
  if (output !== "datadog") return [];
  const started = performance.now();
  let connections: Connections | undefined;
  try {
    connections = await connectionsOf(settings);
    const url = new URL(`${datadogUrl}/v1/validate`);
    const headers = { "DD-API-KEY": await keyOf(settings) };
    const answer = await exchange(
      { url, method: "GET", headers, body: new Uint8Array() },
      { agent: connections.to(url), timeouts: TIMEOUTS, signal: AbortSignal.timeout(TIMEOUT) },
    );
    const took = Math.round(performance.now() - started);
    const found = `Datadog answers within ${took} ms`;
    return [
      { about: "link", verdict: "fine", found },
      keyFinding(answer.status),
      clockFinding(answer.headers.date),
    ];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [
      {
        about: "link",
        verdict: "wrong",
        found: `Datadog can't be reached: ${reason}`,
        advice:
          "look at the network, name resolution and firewall or proxy (HTTPS, port 443), DD_SITE and DATADOG_URL",
      },
    ];
  } finally {
    connections?.end();
  }
}

async function keyOf({ apiKey = "", apiKeyFile }: Config["settings"]): Promise<string> {
  return apiKeyFile === undefined ? apiKey : (await keyFromFile(apiKeyFile)).current;
}

/** By the way that the agent takes: its proxies, and its authority for certificates. */
async function connectionsOf({
  httpProxy,
  httpsProxy,
  noProxy,
  caFile,
}: Config["settings"]): Promise<Connections> {
  const authority = caFile === undefined ? {} : { certificateAuthority: await readFile(caFile, "utf8") };
  const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
  return new Connections({ proxies, ...authority }, TIMEOUTS);
}

function keyFinding(status: number): Finding {
  if (status === 200) return { about: "key", verdict: "fine", found: "the API key is accepted" };
  if (status === 401 || status === 403)
    return {
      about: "key",
      verdict: "wrong",
      found: `the API key is not accepted (HTTP ${status})`,
      advice: "look at API_KEY, and at DD_SITE: a key belongs to one site. An application key is none",
    };
  return {
    about: "key",
    verdict: "warning",
    found: `what answers says HTTP ${status}, from which nothing follows for the key`,
    advice: "look at DATADOG_URL, and for a proxy or a captive portal on the way; or try again later",
  };
}

function clockFinding(date: string | string[] | undefined): Finding {
  const theirs = typeof date === "string" ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(theirs))
    return { about: "clock", verdict: "warning", found: "Datadog's answer has no time to compare with" };
  const skew = Date.now() - theirs;
  const found = `the clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew < 0 ? "behind" : "ahead of"} Datadog's`;
  if (Math.abs(skew) <= LARGEST_SKEW_MS) return { about: "clock", verdict: "fine", found };
  const advice = "set it by NTP (timedatectl set-ntp true): points too far from the present are refused";
  return { about: "clock", verdict: "wrong", found, advice };
}
