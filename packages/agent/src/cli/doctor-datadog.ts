/** The Datadog checks of `chouette doctor`: link, key and clock, with one request to /v1/validate. */
import { messageOf, milliseconds } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { OUTPUTS } from "../config/outputs.js";
import { outcomeOf } from "../outputs/answer.js";
import { keyFromFile } from "../outputs/api-key.js";
import { type ConnectionOptions, Connections, connectionOptions } from "../outputs/connections.js";
import { exchange } from "../outputs/exchange.js";
import { proxyFor } from "../outputs/proxies.js";
import type { Answer } from "../outputs/request-answer.js";
import { type Finding, finding } from "./finding.js";

const TIMEOUT = milliseconds(10_000);
/** For the whole check: proxy, handshake and answer each have TIMEOUT, so that the error names the one that was too slow. */
const WHOLE = 3 * TIMEOUT;
const TIMEOUTS = { connect: TIMEOUT, answer: TIMEOUT, keepAlive: TIMEOUT };
/** Datadog accepts points up to 10 minutes in the future; a tenth of that is worth an error. */
const MAX_SKEW_MS = 60_000;

export async function checkDatadog({ output, datadogUrl, settings }: Config): Promise<readonly Finding[]> {
  if (!OUTPUTS[output].usesDatadogUrls) return [];
  try {
    const { httpProxy: http, httpsProxy: https, noProxy: except, caFile } = settings;
    const key = await keyOf(settings);
    const options = await connectionOptions({ proxies: { http, https, except }, caFile });
    return await checkLink(options, new URL(`${datadogUrl}/v1/validate`), key);
  } catch (error) {
    const advice = "check that the file exists and that the agent's user can read it";
    return [finding("settings", "error", messageOf(error), advice)];
  }
}

async function keyOf({ apiKey = "", apiKeyFile }: Config["settings"]): Promise<string> {
  return apiKeyFile === undefined ? apiKey : (await keyFromFile(apiKeyFile)).current;
}

/** Connects as the agent does, with the same proxies and certificate authorities. */
async function checkLink(options: ConnectionOptions, url: URL, key: string): Promise<readonly Finding[]> {
  const connections = new Connections(options, TIMEOUTS);
  const started = performance.now();
  try {
    const answer = await exchange(
      { url, method: "GET", headers: { "DD-API-KEY": key }, body: new Uint8Array() },
      connections.to(url),
      { timeouts: TIMEOUTS, signal: AbortSignal.timeout(WHOLE), onSent: () => {} },
    );
    const took = Math.round(performance.now() - started);
    const found = `Datadog answers in ${took} ms`;
    return [finding("link", "ok", found), keyFinding(answer), clockFinding(answer.headers.date)];
  } catch (error) {
    const found = `Datadog is unreachable: ${messageOf(error)}`;
    const isProxied = options.proxies !== undefined && proxyFor(url, options.proxies) !== undefined;
    return [finding("link", "error", found, adviceOn(error, isProxied))];
  } finally {
    connections.close();
  }
}

function adviceOn(error: unknown, isProxied: boolean): string {
  const text = error instanceof Error ? `${error.message} ${"code" in error ? error.code : ""}` : "";
  if (/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/.test(text))
    return "check the device's clock first: certificates have a validity period";
  if (/certificate|CERT|SELF_SIGNED/.test(text))
    return "if your own proxy or server answers for Datadog, set DATADOG_CA_FILE to its certificate authority";
  if (/\b407\b/.test(text)) return "check user and password in the proxy's URL (HTTPS_PROXY, HTTP_PROXY)";
  const proxy = isProxied ? "the proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), " : "";
  return `check ${proxy}the network, DNS and firewall (HTTPS, port 443), DD_SITE and DATADOG_URL`;
}

function keyFinding(answer: Answer): Finding {
  const { status } = answer;
  const { kind } = outcomeOf(answer, 0);
  if (kind === "delivered") return finding("key", "ok", "API key accepted");
  if (kind === "unauthorized") {
    const advice =
      "check API_KEY and DD_SITE: a key belongs to one site, and an application key doesn't work";
    return finding("key", "error", `API key rejected (HTTP ${status})`, advice);
  }
  const found = `API key not checked: the answer (HTTP ${status}) is not Datadog's, or Datadog has an outage`;
  const advice =
    "check DATADOG_URL, and whether a proxy or captive portal intercepts requests; or try again later";
  return finding("key", "warning", found, advice);
}

function clockFinding(date: string | string[] | undefined): Finding {
  const theirs = typeof date === "string" ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(theirs))
    return finding("clock", "warning", "clock not checked: Datadog's answer has no Date header");
  const skew = Date.now() - theirs;
  const found = `clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew < 0 ? "behind" : "ahead of"} Datadog's`;
  if (Math.abs(skew) <= MAX_SKEW_MS) return finding("clock", "ok", found);
  const advice =
    "synchronize it with NTP (timedatectl set-ntp true): Datadog drops points too far from the present";
  return finding("clock", "error", found, advice);
}
