/** How `chouette doctor` looks at the link to Datadog, the key and the clock: by one request of /v1/validate. */
import { milliseconds } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { outcomeOf } from "../outputs/answer.js";
import { keyFromFile } from "../outputs/api-key.js";
import { type ConnectionOptions, Connections, connectionOptions } from "../outputs/connections.js";
import { type Answer, exchange } from "../outputs/exchange.js";
import { proxyFor } from "../outputs/proxies.js";
import type { Finding } from "./doctor-checks.js";

const TIMEOUT = milliseconds(10_000);
const TIMEOUTS = { connect: TIMEOUT, answer: TIMEOUT, keepAlive: TIMEOUT };
/** Datadog takes no point further in the future than 10 minutes; a tenth of that is worth a word. */
const LARGEST_SKEW_MS = 60_000;

export async function lookAtDatadog({ output, datadogUrl, settings }: Config): Promise<readonly Finding[]> {
  if (output !== "datadog") return [];
  try {
    const { httpProxy: http, httpsProxy: https, noProxy: except, caFile } = settings;
    const key = await keyOf(settings);
    const options = await connectionOptions({ proxies: { http, https, except }, caFile });
    return await lookAlong(options, new URL(`${datadogUrl}/v1/validate`), key);
  } catch (error) {
    const advice = "have the setting name a file of that kind that the agent's user can read";
    return [{ about: "settings", verdict: "wrong", found: messageOf(error), advice }];
  }
}

async function keyOf({ apiKey = "", apiKeyFile }: Config["settings"]): Promise<string> {
  return apiKeyFile === undefined ? apiKey : (await keyFromFile(apiKeyFile)).current;
}

/** By the way that the agent takes: its proxies, and its authority for certificates. */
async function lookAlong(options: ConnectionOptions, url: URL, key: string): Promise<readonly Finding[]> {
  const connections = new Connections(options, TIMEOUTS);
  const started = performance.now();
  try {
    const answer = await exchange(
      { url, method: "GET", headers: { "DD-API-KEY": key }, body: new Uint8Array() },
      { agent: connections.to(url), timeouts: TIMEOUTS, signal: AbortSignal.timeout(TIMEOUT) },
    );
    const took = Math.round(performance.now() - started);
    return [
      { about: "link", verdict: "fine", found: `Datadog answers within ${took} ms` },
      keyFinding(answer),
      clockFinding(answer.headers.date),
    ];
  } catch (error) {
    const found = `Datadog can't be reached: ${messageOf(error)}`;
    const isProxied = options.proxies !== undefined && proxyFor(url, options.proxies) !== undefined;
    return [{ about: "link", verdict: "wrong", found, advice: adviceOn(error, isProxied) }];
  } finally {
    connections.end();
  }
}

function adviceOn(error: unknown, isProxied: boolean): string {
  const text = error instanceof Error ? `${error.message} ${"code" in error ? error.code : ""}` : "";
  if (/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/.test(text))
    return "look at the device's clock first: a certificate holds for a time";
  if (/certificate|CERT|SELF_SIGNED/.test(text))
    return "where a proxy or a server of your own answers for Datadog, set DATADOG_CA_FILE to its authority's certificate";
  if (/\b407\b/.test(text))
    return "look at the user and the password in the proxy's URL (HTTPS_PROXY, HTTP_PROXY)";
  const proxy = isProxied ? "the proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), " : "";
  return `look at ${proxy}the network, name resolution and firewall (HTTPS, port 443), DD_SITE and DATADOG_URL`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function keyFinding(answer: Answer): Finding {
  const { status } = answer;
  const { kind } = outcomeOf(answer, 0);
  if (kind === "delivered") return { about: "key", verdict: "fine", found: "the API key is accepted" };
  if (kind === "unauthorized")
    return {
      about: "key",
      verdict: "wrong",
      found: `the API key is not accepted (HTTP ${status})`,
      advice: "look at API_KEY, and at DD_SITE: a key belongs to one site. An application key is none",
    };
  return {
    about: "key",
    verdict: "warning",
    found: `what answers (HTTP ${status}) is not Datadog, or has no answer now: nothing is known of the key`,
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
