/** A connection to a server, by the protocol that it speaks. */
import type { Agent } from "node:http";
import type { Http2Connection } from "./http2-connection.js";

/** One that is there, or the next that is free where all are in use. */
export interface Http1Connection {
  readonly protocol: "http/1.1";
  readonly agent: Agent;
}

export type Connection = Http1Connection | Http2Connection;
