/**
 * Express: a count and a duration for each request, and an orderly end.
 *
 *   npm run build && node examples/client/express.mjs     then: curl localhost:8080/hello/anna ; Ctrl-C
 */
import { ChouetteClient } from "chouette-iot-client";
import { expressMetrics } from "chouette-iot-client/http-metrics";
import express from "express";

const client = new ChouetteClient({ prefix: "shop.", exitSignals: true });
const app = express();
app.use(expressMetrics(client));
app.get("/hello/:name", (request, response) => {
  client.increment("greetings");
  response.send(`hello ${request.params.name}\n`);
});
const server = app.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${server.address().port}/hello/anna`),
);
