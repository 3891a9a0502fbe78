/**
 * winston: logs go to Chouette and to the console. Run the agent, then:
 *
 *   npm run build && node examples/client/winston.mjs
 */
import { ChouetteTransport } from "chouette-iot-client/winston";
import winston from "winston";

const log = winston.createLogger({
  transports: [new winston.transports.Console(), new ChouetteTransport({ service: "shop" })],
});
log.info("placed", { order: 17 });
log.error("not placed", { order: 18 });
