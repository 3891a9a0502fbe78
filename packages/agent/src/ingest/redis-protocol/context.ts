/** What all connections of the broker share. */
import type { BrokerStore } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import type { ClientMarkers } from "./client-markers.js";
import type { BrokerCounters } from "./counters.js";
import type { DurableWrites } from "./durable-writes.js";
import type { QueueKeys } from "./keys.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { OneAtATime } from "./one-at-a-time.js";
import type { Session } from "./session.js";

export interface BrokerContext {
  readonly store: BrokerStore;
  readonly writes: DurableWrites;
  readonly markers: ClientMarkers;
  readonly keys: QueueKeys;
  /** Lookups that go through a queue, so that many clients that look don't keep the agent from its work. */
  readonly walks: OneAtATime;
  /** Of the connections that have given the password, or need none; and of all others together. */
  readonly memory: { readonly clients: MemoryBudget; readonly strangers: MemoryBudget };
  /** How long a client may take to give the password. */
  readonly loginTimeout: Milliseconds;
  /** Undefined where no password is asked for. */
  readonly isPassword: ((attempt: string) => boolean) | undefined;
  readonly counters: BrokerCounters;
  readonly sessions: Set<Session>;
  readonly log: Log;
  readonly clock: Clock;
  /** When it began to listen, on the clock's even run. */
  readonly started: Milliseconds;
}
