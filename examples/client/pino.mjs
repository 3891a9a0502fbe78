/**
 * pino: logs go to Chouette from pino's worker thread. Run the agent, then:
 *
 *   npm run build && node examples/client/pino.mjs
 */
import pino from "pino";

const transport = pino.transport({ target: "chouette-iot-client/pino", options: { service: "shop" } });
const log = pino(transport);
log.info({ order: 17 }, "placed");
log.error(new Error("out of stock"), "not placed");
