/** The gateway check of `chouette doctor`: connects to its broker and logs in. It stores nothing there. */
import { messageOf } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { openGateway } from "../outputs/gateway.js";
import { gatewayAddress } from "../outputs/gateway-address.js";
import type { Resumed } from "../outputs/output.js";
import { STORE_ID_LENGTH } from "../runtime/ready-ids.js";
import type { Finding } from "./finding.js";

const NOBODY = "-".repeat(STORE_ID_LENGTH);

export async function checkGateway({ output, settings }: Config): Promise<readonly Finding[]> {
  const { gatewayUrl } = settings;
  if (output !== "gateway" || gatewayUrl === undefined) return [];
  const place = `gateway at ${new URL(gatewayUrl).host}`;
  const started = performance.now();
  const resumed = await ask(settings);
  if (resumed.kind === "resumed")
    return [
      {
        about: "link",
        verdict: "ok",
        found: `${place} answers in ${Math.round(performance.now() - started)} ms`,
      },
    ];
  return [
    {
      about: "link",
      verdict: "error",
      found: `${place} can't be used: ${resumed.reason}`,
      advice: "check GATEWAY_URL, its password and certificate, and CHOUETTE_LISTEN of the gateway",
    },
  ];
}

async function ask(settings: Config["settings"]): Promise<Resumed> {
  try {
    const { logs } = openGateway({ address: await gatewayAddress(settings), hostName: () => "" });
    const resumed = await logs.resume?.(NOBODY);
    await logs.close();
    return resumed ?? { kind: "resumed", accepted: [] };
  } catch (error) {
    return { kind: "unavailable", reason: messageOf(error), answered: false, bytes: 0 };
  }
}
