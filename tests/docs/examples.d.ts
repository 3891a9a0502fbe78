/** What the examples in the docs take from the program around them. */
import type { RequestListener } from "node:http";
import type { ChouetteClient as Client } from "chouette-iot-client";
import type { Express } from "express";
import type { FastifyInstance } from "fastify";
import type { pino as Pino } from "pino";
import type Winston from "winston";

declare global {
  const client: Client;
  /** Imported by a page's first example. */
  const ChouetteClient: typeof Client;
  const log: { warn(text: string): void };
  const db: { query(sql: string): Promise<unknown> };
  const sql: string;
  const handle: () => void;
  const handler: RequestListener;
  const app: Express;
  const fastify: FastifyInstance;
  const pino: typeof Pino;
  const winston: typeof Winston;
  const createServer: typeof import("node:http").createServer;
  function importAll(): void;
  function routeOf(): string;
  function placeOrder(client: unknown): void;
}
