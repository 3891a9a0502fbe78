/**
 * A small HTTP service with all that a service wants: its own client, requests, the runtime, logs, a spill, an orderly end.
 *
 *   npm run build && node examples/client/service.mjs     then: curl localhost:8080/hello ; Ctrl-C
 */
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChouetteClient } from "chouette-iot-client";
import { httpMetrics } from "chouette-iot-client/http-metrics";
import { collectRuntimeMetrics } from "chouette-iot-client/runtime-metrics";

const client = new ChouetteClient({
  prefix: "hello.",
  tags: { env: "dev" },
  spill: { folder: join(tmpdir(), "chouette-example") },
  exitSignals: true,
  onError: (error) => console.error(`telemetry: ${error.message}`),
});
const logs = client.logSink({ service: "hello" });
const greetings = client.boundCounter("greetings");

collectRuntimeMetrics({ client });
const routes = new Set(["/hello", "/fail"]);
const handler = httpMetrics(
  (request, response) => {
    if (request.url === "/hello") {
      greetings.inc();
      response.end("hello\n");
      return;
    }
    logs.warning("nothing here", { path: request.url });
    response.writeHead(404).end();
  },
  (request) => (routes.has(request.url) ? request.url : undefined),
  client,
);
const port = Number(process.env.PORT ?? 8080);
createServer(handler).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/hello`));
