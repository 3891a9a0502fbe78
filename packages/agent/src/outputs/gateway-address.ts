/** The gateway's address, with the certificates of both sides. They are read when the outputs are opened. */
import { type BrokerAddress, parseAddress } from "@chouette-iot/queue/resp/address";
import { pem } from "../runtime/pem.js";

export interface GatewaySettings {
  readonly gatewayUrl: string | undefined;
  readonly gatewayCaFile: string | undefined;
  /** This agent's certificate and key, in case the gateway requires one. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

/** Rejects if the address is wrong, or a file can't be read. */
export async function gatewayAddress({
  gatewayUrl = "",
  gatewayCaFile,
  tlsCert,
  tlsKey,
}: GatewaySettings): Promise<BrokerAddress> {
  const address = parseAddress(gatewayUrl);
  if (address.tls === undefined) return address;
  const ca = await pem("GATEWAY_CA_FILE", gatewayCaFile);
  const cert = await pem("CHOUETTE_TLS_CERT", tlsCert);
  const key = await pem("CHOUETTE_TLS_KEY", tlsKey);
  return {
    ...address,
    tls: { ...(ca && { ca }), ...(cert && key && { cert, key }) },
  };
}
