/** The gateway check of `chouette doctor`: connects to its broker and logs in. It stores nothing there. */
import { messageOf } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { openGateway } from "../outputs/gateway.js";
import { gatewayAddress } from "../outputs/gateway-address.js";
import { STORE_ID_LENGTH } from "../runtime/ready-ids.js";
import { type Finding, finding } from "./finding.js";

const NOBODY = "-".repeat(STORE_ID_LENGTH);

export async function checkGateway({ output, settings }: Config): Promise<readonly Finding[]> {
  const { gatewayUrl } = settings;
  if (output !== "gateway" || gatewayUrl === undefined) return [];
  const place = `gateway at ${new URL(gatewayUrl).host}`;
  const started = performance.now();
  const reason = await refusal(settings);
  if (reason === undefined)
    return [finding("link", "ok", `${place} answers in ${Math.round(performance.now() - started)} ms`)];
  const advice = "check GATEWAY_URL, its password and certificate, and CHOUETTE_LISTEN of the gateway";
  return [finding("link", "error", `${place} can't be used: ${reason}`, advice)];
}

/** Why it can't be used; undefined if it can. */
async function refusal(settings: Config["settings"]): Promise<string | undefined> {
  try {
    const { logs } = openGateway({ address: await gatewayAddress(settings), hostName: () => "" });
    const resumed = await logs.resume?.(NOBODY);
    await logs.close();
    return resumed?.kind === "unavailable" ? resumed.reason : undefined;
  } catch (error) {
    return messageOf(error);
  }
}
