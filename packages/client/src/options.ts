/**
 * Options of a client: what the caller says, then the environment, then the default.
 *
 * A wrong setting never throws into the application: it is rejected, the default holds, and the client says so
 * by `onError` and in `stats()`.
 */

import {
  type BrokerAddress,
  DEFAULT_ADDRESS,
  parseAddress,
  type TlsSettings,
} from "@chouette-iot/queue/resp/address";
import { DEFAULT_MASTER, parseServers, type Sentinels } from "@chouette-iot/queue/resp/sentinel-address";
import { type Milliseconds, messageOf, milliseconds } from "@chouette-iot/record";
import type { SpillSettings } from "./spill/spill.js";
import type { TagInput } from "./tag-input.js";

export interface ChouetteClientOptions {
  /**
   * `redis://[user[:password]@]host[:port][/database]`, `rediss://…` with TLS, or `unix://…/path/to/socket[?db=database]`.
   * Special characters in user and password are percent-encoded (`encodeURIComponent`). Else REDIS_URL.
   * With Sentinels `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master[/database]`, or `rediss+sentinel://…`.
   */
  readonly url?: string | undefined;
  /** Else REDIS_HOST, else 127.0.0.1. */
  readonly host?: string | undefined;
  /** Else REDIS_PORT, else 6379. */
  readonly port?: number | undefined;
  /** The master that Redis Sentinels name, in place of a host and a port. Else REDIS_SENTINELS and REDIS_SENTINEL_MASTER. */
  readonly sentinels?: SentinelOptions | undefined;
  /** As it is, not percent-encoded; takes precedence over the URL's, as do the next three. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The number of the database; 0. */
  readonly database?: number | undefined;
  /** Connects with TLS, as `rediss://` does: the authorities to trust, the client's certificate and key, the server's name. */
  readonly tls?: TlsSettings | undefined;
  /**
   * How many replicas must have copied a record before it counts as stored, so that it survives the master's failover. While
   * fewer do, records wait here. Else REDIS_WAIT_REPLICAS, else 0.
   */
  readonly waitReplicas?: number | undefined;
  /** Put before every name as it is: with `"app."` the name `jobs` becomes `app.jobs`. */
  readonly prefix?: string;
  /** Tags of every record. Those of a call take precedence. */
  readonly tags?: TagInput;
  /** The part of the calls that is recorded, from 0 to 1, where a call says nothing else. 1. */
  readonly sampleRate?: number;
  /** Whether calls of a context within a second become one record: counts, rates, gauges, sets and distributions. True. */
  readonly aggregate?: boolean;
  /** How many contexts a flush (one second) may have; calls of more go to `overflow:true`. 2000. */
  readonly cardinalityLimit?: number;
  /** How long in milliseconds a call's promise waits for its record to be stored before it answers false. 1000. */
  readonly answerTimeoutMs?: number;
  /** The longest that records wait for others, in milliseconds, so that they go out in one batch. 10. */
  readonly lingerMs?: number;
  /** How many records may wait in memory for the broker; beyond it the oldest go. 50,000. */
  readonly bufferRecords?: number;
  /** How many bytes may wait in memory for the broker (as UTF-16 units, an estimate); beyond it the oldest go. 8 MiB. */
  readonly bufferBytes?: number;
  /** A folder for what memory shouldn't hold while the broker is away, and for what is left at the end. None without it. */
  readonly spill?: {
    readonly folder: string;
    /** The most bytes that this process' records may take there; beyond it the oldest go. 64 MiB. */
    readonly maxBytes?: number;
  };
  /** Whether SIGTERM and SIGINT send what is buffered before they end the process. False. */
  readonly exitSignals?: boolean;
  /** How long in milliseconds a normal exit may be held up to send what is buffered. 1200; 0 is not at all. */
  readonly exitTimeoutMs?: number;
  /** Told once when an outage or a refusal begins, or a setting can't be used; the same as `on("error")`. */
  readonly onError?: (error: Error) => void;
}

export interface SentinelOptions {
  /** `host[:port]` of each, separated by commas or as a list. */
  readonly servers: string | readonly string[];
  /** The name by which they know the master. `mymaster` without it. */
  readonly master?: string | undefined;
  /** The Sentinels' own login, if they have one. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** PM2 kills a process 1,600 ms after its signal: this leaves time to write the spill. */
export const EXIT_TIMEOUT_MS = 1_200;

export interface Settings {
  /** An error if the given URL is none: no other server is used in its place. */
  readonly address: BrokerAddress | Error;
  readonly waitReplicas: number;
  readonly sampleRate: number;
  readonly aggregate: boolean;
  readonly cardinalityLimit: number;
  readonly answerTimeout: Milliseconds;
  readonly linger: Milliseconds;
  readonly bufferRecords: number;
  readonly bufferBytes: number;
  readonly exitTimeout: Milliseconds;
  readonly exitSignals: boolean;
  readonly spill: SpillSettings | undefined;
}

/** A setting that was not used, and why. */
export type Warning = (message: string) => void;

type Environment = Readonly<Record<string, string | undefined>>;

export function readSettings(
  options: ChouetteClientOptions,
  environment: Environment,
  warn: Warning,
): Settings {
  const number = (
    name: string,
    value: unknown,
    least: number,
    otherwise: number,
    most = Infinity,
  ): number => {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === "number" && value >= least && value <= most) return value;
    warn(`${name} should be a number from ${least}${most < 2 ? ` to ${most}` : ""}: ${otherwise} is used`);
    return otherwise;
  };
  const flag = (name: string, value: unknown, otherwise: boolean): boolean => {
    if (value === undefined || value === null) return otherwise;
    if (typeof value === "boolean") return value;
    warn(`${name} should be true or false: ${otherwise} is used`);
    return otherwise;
  };
  const { spill } = options;
  const { REDIS_WAIT_REPLICAS } = environment;
  const waitReplicas =
    options.waitReplicas ?? (REDIS_WAIT_REPLICAS ? Number(REDIS_WAIT_REPLICAS) : undefined);
  return {
    address: readAddress(options, environment, warn),
    waitReplicas: Math.ceil(number("waitReplicas (REDIS_WAIT_REPLICAS)", waitReplicas, 0, 0)),
    sampleRate: number("sampleRate", options.sampleRate, 0, 1, 1),
    aggregate: flag("aggregate", options.aggregate, true),
    cardinalityLimit: number("cardinalityLimit", options.cardinalityLimit, 1, 2_000),
    answerTimeout: milliseconds(number("answerTimeoutMs", options.answerTimeoutMs, 1, 1_000)),
    linger: milliseconds(number("lingerMs", options.lingerMs, 0, 10)),
    bufferRecords: number("bufferRecords", options.bufferRecords, 1, 50_000),
    bufferBytes: number("bufferBytes", options.bufferBytes, 1, 8 * 1024 * 1024),
    exitTimeout: milliseconds(number("exitTimeoutMs", options.exitTimeoutMs, 0, EXIT_TIMEOUT_MS)),
    exitSignals: flag("exitSignals", options.exitSignals, false),
    spill: spill
      ? { folder: spill.folder, maxBytes: number("spill.maxBytes", spill.maxBytes, 1, 64 * 1024 * 1024) }
      : undefined,
  };
}

/** A host, port or Sentinels from the caller take precedence over a REDIS_URL of the environment. An empty text is none. */
function readAddress(
  options: ChouetteClientOptions,
  environment: Environment,
  warn: Warning,
): BrokerAddress | Error {
  const { username, password, database, tls } = options;
  const isCalled = Boolean(options.host) || options.port !== undefined || Boolean(options.sentinels);
  const url = options.url || (isCalled ? undefined : environment.REDIS_URL);
  try {
    const server = url ? parseAddress(url) : readServer(options, environment, warn);
    return {
      ...server,
      username: username || server.username,
      password: password || server.password,
      database: database ?? server.database,
      tls: tls ?? server.tls,
    };
  } catch (error) {
    return new Error(messageOf(error));
  }
}

/** Throws if the Sentinels are none. */
function readServer(options: ChouetteClientOptions, environment: Environment, warn: Warning): BrokerAddress {
  const isNamed = Boolean(options.host) || options.port !== undefined;
  const given = options.sentinels ?? (isNamed ? undefined : sentinelsOf(environment));
  if (given) return { ...DEFAULT_ADDRESS, sentinels: readSentinels(given) };
  const port = Number(options.port ?? (environment.REDIS_PORT || DEFAULT_ADDRESS.port));
  const usable = Number.isInteger(port) && port > 0 && port < 65_536;
  if (!usable) warn("the Redis port (REDIS_PORT) should be a number from 1 to 65535: 6379 is used");
  return {
    ...DEFAULT_ADDRESS,
    host: options.host || environment.REDIS_HOST || DEFAULT_ADDRESS.host,
    port: usable ? port : DEFAULT_ADDRESS.port,
  };
}

function sentinelsOf(environment: Environment): SentinelOptions | undefined {
  const { REDIS_SENTINELS: servers, REDIS_SENTINEL_MASTER: master } = environment;
  return servers ? { servers, master } : undefined;
}

function readSentinels({ servers, master, username, password }: SentinelOptions): Sentinels {
  const text = Array.isArray(servers) ? servers.join(",") : servers;
  const parsed = typeof text === "string" ? parseServers(text) : undefined;
  if (parsed === undefined) throw new Error("the Sentinels (REDIS_SENTINELS) should be host:port,host:port");
  return {
    servers: parsed,
    master: master || DEFAULT_MASTER,
    username: username || undefined,
    password: password || undefined,
  };
}
