/** How `chouette doctor` looks at the link to Datadog, the key and the clock: by one request of /v1/validate. */
import { readFile } from "node:fs/promises";
import { milliseconds } from "@chouette-iot/record";
import { type Dispatcher, request } from "undici";
import type { Config } from "../config/config.js";
import { keyFromFile } from "../outputs/api-key.js";
import { openConnections } from "../outputs/connections.js";
import type { Finding } from "./doctor-checks.js";

const TIMEOUT = milliseconds(10_000);
/** Datadog takes no point further in the future than 10 minutes; a tenth of that is worth a word. */
const LARGEST_SKEW_MS = 60_000;

export async function lookAtDatadog({ output, datadogUrl, settings }: Config): Promise<readonly Finding[]> {
  if (output !== "datadog") return [];
  const started = performance.now();
  let connections: Dispatcher | undefined;
  try {
    connections = await connectionsOf(settings);
    const answer = await request(`${datadogUrl}/v1/validate`, {
      headers: { "DD-API-KEY": await keyOf(settings) },
      dispatcher: connections,
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const took = Math.round(performance.now() - started);
    await answer.body.dump();
    const found = `Datadog answers within ${took} ms`;
    return [
      { about: "link", verdict: "fine", found },
      keyFinding(answer.statusCode),
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
    await connections?.destroy();
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
}: Config["settings"]): Promise<Dispatcher> {
  const authority = caFile === undefined ? {} : { certificateAuthority: await readFile(caFile, "utf8") };
  const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
  return openConnections(
    { proxies, ...authority },
    { connect: TIMEOUT, answer: TIMEOUT, keepAlive: milliseconds(1) },
  );
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
