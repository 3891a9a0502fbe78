import { createServer, get, type RequestListener } from "node:http";
import express from "express";
import fastify from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listen } from "../../../tests/support/listening.js";
import { until } from "../../../tests/support/until.js";
import { expressMetrics, fastifyMetrics, httpMetrics } from "./http-metrics.js";
import { TestClient } from "./testing.js";

let client: TestClient;
let stop: () => PromiseLike<unknown>;

beforeEach(() => {
  client = new TestClient();
});
afterEach(() => stop());

async function serve(listener: RequestListener): Promise<string> {
  const listening = await listen(createServer(listener));
  stop = listening.stop;
  return `http://127.0.0.1:${listening.port}`;
}

async function seen(count: number, tags: Record<string, string>): Promise<void> {
  await until(`${count} requests`, () => client.records("http.requests").length >= count);
  client.expectCount("http.requests", 1, { tags });
  const [duration] = client.records("http.request.duration", { tags });
  expect(duration?.value).toBeGreaterThan(0);
}

test("Express, with its routers", async () => {
  const app = express();
  const shop = express.Router();
  shop.get("/orders/:id", (_request, response) => {
    response.status(201).send("made");
  });
  shop.post("/fail", () => {
    throw new Error("on purpose");
  });
  app.use(expressMetrics(client));
  app.use("/shop", shop);
  app.use(((error, _request, response, _next) => {
    response.status(500).end(String(error));
  }) satisfies express.ErrorRequestHandler);
  const url = await serve(app);
  await fetch(`${url}/shop/orders/7`);
  await fetch(`${url}/shop/fail`, { method: "POST" });
  await fetch(`${url}/nowhere/8`);
  await seen(3, { method: "GET", route: "/shop/orders/:id", status_class: "2xx" });
  await seen(3, { method: "POST", route: "/shop/fail", status_class: "5xx" });
  await seen(3, { method: "GET", route: "unmatched", status_class: "4xx" });
});

test("Fastify, with its prefixes", async () => {
  const app = fastify();
  await app.register(fastifyMetrics(client));
  await app.register(
    async (shop) => {
      shop.get("/orders/:id", async () => "made");
    },
    { prefix: "/shop" },
  );
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  stop = () => app.close();
  await fetch(`${url}/shop/orders/7`);
  await fetch(`${url}/nowhere/8`);
  await seen(2, { method: "GET", route: "/shop/orders/:id", status_class: "2xx" });
  await seen(2, { method: "GET", route: "unmatched", status_class: "4xx" });
});

test("node:http, and a caller that leaves first", async () => {
  const url = await serve(
    httpMetrics(
      (request, response) => {
        if (request.url !== "/slow") response.end("ok");
        else response.write("so far");
      },
      (request) => (request.url === "/slow" ? "/slow" : undefined),
      client,
    ),
  );
  await fetch(url, { method: "PUT" });
  await new Promise<void>((resolve) => {
    const request = get(`${url}/slow`, () => {
      request.destroy();
      resolve();
    });
    request.on("error", () => {});
  });
  await seen(2, { method: "PUT", route: "unmatched", status_class: "2xx" });
  await seen(2, { method: "GET", route: "/slow", status_class: "aborted" });
});
