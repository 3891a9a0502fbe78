/**
 * Fastify: a count and a duration for each request, and an orderly end.
 *
 *   npm run build && node examples/client/fastify.mjs     then: curl localhost:8080/hello/anna ; Ctrl-C
 */
import { ChouetteClient } from "chouette-iot-client";
import { fastifyMetrics } from "chouette-iot-client/http-metrics";
import { fastify } from "fastify";

const client = new ChouetteClient({ prefix: "shop.", exitSignals: true });
const app = fastify();
await app.register(fastifyMetrics(client));
app.get("/hello/:name", (request) => {
  client.increment("greetings");
  return `hello ${request.params.name}\n`;
});
console.log(`${await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT ?? 8080) })}/hello/anna`);
