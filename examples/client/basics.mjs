/**
 * Every type of metric, on the ready-made client. REDIS_URL, or REDIS_HOST and REDIS_PORT, say where the broker is.
 *
 *   npm run build && node examples/client/basics.mjs
 */
import { ChouetteClient, timed } from "chouette-iot-client";

ChouetteClient.count("my.count.metric", 1, { timestamp: Date.now() / 1000, tags: { importance: "high" } });
ChouetteClient.gauge("my.gauge.metric", 1);
ChouetteClient.histogram("my.histogram.metric", 1);
ChouetteClient.rate("my.rate.metric", 1);
ChouetteClient.set("my.set.metric", new Set([1, 2, 3]));
ChouetteClient.set("my.set.metric", [1, 2, 3, 3]);

const sum = timed("my.sum.time").run(() => {
  let total = 0;
  for (let n = 0; n < 1e6; n++) total += n;
  return total;
});
console.log(`the sum is ${sum}`);

const stored = await ChouetteClient.increment("my.count.metric");
console.log(stored ? "stored" : "not stored yet", ChouetteClient.default.stats());
