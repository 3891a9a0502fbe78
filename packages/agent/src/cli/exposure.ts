/** Finds exposed secrets: Datadog's API key in transit and in its file, and a gateway's password. */
import { stat } from "node:fs/promises";
import type { Config } from "../config/config.js";
import { OUTPUTS } from "../config/outputs.js";
import { bareHost, isLoopback } from "../runtime/address.js";

interface Exposure {
  readonly found: string;
  readonly advice: string;
}

const OTHERS_MAY_READ = 0o004;

export async function exposures({
  output,
  datadogUrl,
  logsUrl,
  settings: { apiKeyFile, gatewayUrl },
}: Config): Promise<readonly Exposure[]> {
  if (output === "gateway" && gatewayUrl !== undefined) return unencryptedGateway(new URL(gatewayUrl));
  if (!OUTPUTS[output].usesDatadogUrls) return [];
  const unencrypted = [
    ["DATADOG_URL", datadogUrl],
    ["DATADOG_LOGS_URL", logsUrl],
  ].flatMap(([name = "", address = ""]) => {
    const url = new URL(address);
    if (url.protocol === "https:" || isThisMachine(url)) return [];
    const found = `${name} is http://: the API key is sent unencrypted to ${url.hostname}`;
    return [{ found, advice: `use https:// in ${name}` }];
  });
  return [...unencrypted, ...(await readableFile(apiKeyFile))];
}

function unencryptedGateway(url: URL): readonly Exposure[] {
  if (url.protocol === "rediss:" || url.password === "" || isThisMachine(url)) return [];
  const found = `GATEWAY_URL is redis://: the gateway's password is sent unencrypted to ${url.hostname}`;
  return [{ found, advice: "use rediss:// in GATEWAY_URL, and set CHOUETTE_TLS_CERT on the gateway" }];
}

function isThisMachine(url: URL): boolean {
  return url.hostname === "localhost" || isLoopback(bareHost(url));
}

async function readableFile(path: string | undefined): Promise<readonly Exposure[]> {
  if (path === undefined) return [];
  // An unreadable file is reported elsewhere.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & OTHERS_MAY_READ) === 0) return [];
  return [
    {
      found: `API key file ${path} is readable by every user of this device`,
      advice: `chmod 600 ${path} and make the agent's user its owner`,
    },
  ];
}
