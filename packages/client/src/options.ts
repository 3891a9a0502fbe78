/**
 * Options of a client: from the caller, else from the environment, else the default.
 *
 * An invalid option never throws into the application: the default is used, and `onError` and `stats()` report it.
 */
import {
  type BrokerAddress,
  DEFAULT_ADDRESS,
  parseAddress,
  type TlsSettings,
} from "@chouette-iot/queue/resp/address";
import { DEFAULT_MASTER, parseServers, type Sentinels } from "@chouette-iot/queue/resp/sentinel-address";
import { MAX_SHARDS, type Milliseconds, messageOf, milliseconds } from "@chouette-iot/record";
import type { SpillSettings } from "./spill/spill-options.js";
import type { TagInput } from "./tag-input.js";

export interface ChouetteClientOptions {
  /**
   * `redis://[user[:password]@]host[:port][/database]`, `rediss://…` with TLS, or `unix://…/path/to/socket[?db=database]`.
   * Special characters in user and password are percent-encoded (`encodeURIComponent`). By default REDIS_URL.
   * With Sentinels `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/master[/database]`, or `rediss+sentinel://…`.
   */
  readonly url?: string | undefined;
  /** By default REDIS_HOST, or 127.0.0.1. */
  readonly host?: string | undefined;
  /** By default REDIS_PORT, or 6379. */
  readonly port?: number | undefined;
  /** Sentinels that name the master, instead of host and port. By default REDIS_SENTINELS and REDIS_SENTINEL_MASTER. */
  readonly sentinels?: SentinelOptions | undefined;
  /** Not percent-encoded. This and the next three options take precedence over the URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The number of the database; 0 by default. */
  readonly database?: number | undefined;
  /** Connects with TLS, as `rediss://` does: the authorities to trust, the client's certificate and key, the server's name. */
  readonly tls?: TlsSettings | undefined;
  /**
   * Number of replicas that must have copied a record before it counts as stored, so that it survives a failover. While there
   * are fewer, records wait in the client. By default REDIS_WAIT_REPLICAS, or 0.
   */
  readonly waitReplicas?: number | undefined;
  /**
   * Number of shards of the broker, the same for agents and clients; a Redis Cluster needs it. By default CHOUETTE_SHARDS, or no
   * shards.
   */
  readonly shards?: number | undefined;
  /** Prefix of every name, used unchanged: with `"app."`, `jobs` becomes `app.jobs`. */
  readonly prefix?: string;
  /** Tags of every record. Those of a call take precedence. */
  readonly tags?: TagInput;
  /** Fraction of the calls to record, from 0 to 1, for calls without their own. 1 by default. */
  readonly sampleRate?: number;
  /** Whether counts, rates, gauges, sets and distributions of a context become one record per second. True by default. */
  readonly aggregate?: boolean;
  /** Maximum number of contexts per second; calls of further ones are recorded with `overflow:true`. 2000 by default. */
  readonly cardinalityLimit?: number;
  /** Milliseconds after which a call's promise resolves to false if its record isn't stored yet. 1000 by default. */
  readonly answerTimeoutMs?: number;
  /** Maximum time in milliseconds that records wait to be sent in one batch with others. 10 by default. */
  readonly lingerMs?: number;
  /** Maximum number of records that wait in memory for the broker; then the oldest are dropped. 50,000 by default. */
  readonly bufferRecords?: number;
  /** Maximum size of these records (an estimate in UTF-16 units); then the oldest are dropped. 8 MiB by default. */
  readonly bufferBytes?: number;
  /** A folder for records during an outage of the broker, and for those that are left at the exit. None by default. */
  readonly spill?: {
    readonly folder: string;
    /** Maximum bytes of this process' records there; then the oldest are dropped. 64 MiB by default. */
    readonly maxBytes?: number;
  };
  /** Whether buffered records are sent on SIGTERM and SIGINT before the process ends. False by default. */
  readonly exitSignals?: boolean;
  /** Maximum delay in milliseconds of a normal exit to send buffered records. 1200 by default; 0 disables it. */
  readonly exitTimeoutMs?: number;
  /** Called once when an outage or refusal begins, or an option is invalid; the same as `on("error")`. */
  readonly onError?: (error: Error) => void;
}

export interface SentinelOptions {
  /** `host[:port]` of each, separated by commas or as a list. */
  readonly servers: string | readonly string[];
  /** The master's name in their configuration; `mymaster` by default. */
  readonly master?: string | undefined;
  /** The Sentinels' own login, if they have one. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** PM2 kills a process 1,600 ms after the signal: this leaves time to write the spill. */
export const EXIT_TIMEOUT_MS = 1_200;

export interface Settings {
  /** An error if the URL or the number of shards is invalid: then no other server is used. */
  readonly address: BrokerAddress | Error;
  readonly waitReplicas: number;
  /** Undefined without shards. */
  readonly shards: number | undefined;
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

/** Called with a message for each option that was not used. */
export type Warning = (message: string) => void;

type Environment = Readonly<Record<string, string | undefined>>;

/** Validates the options and adds the defaults. Never throws. */
export function readSettings(
  options: ChouetteClientOptions,
  environment: Environment,
  warn: Warning,
): Settings {
  const number = (name: string, value: unknown, min: number, byDefault: number, max = Infinity): number => {
    if (value === undefined || value === null) return byDefault;
    if (typeof value === "number" && value >= min && value <= max) return value;
    warn(`${name} should be a number from ${min}${max < 2 ? ` to ${max}` : ""}: ${byDefault} is used`);
    return byDefault;
  };
  const flag = (name: string, value: unknown, byDefault: boolean): boolean => {
    if (value === undefined || value === null) return byDefault;
    if (typeof value === "boolean") return value;
    warn(`${name} should be true or false: ${byDefault} is used`);
    return byDefault;
  };
  const { spill } = options;
  const { REDIS_WAIT_REPLICAS, CHOUETTE_SHARDS } = environment;
  const waitReplicas =
    options.waitReplicas ?? (REDIS_WAIT_REPLICAS ? Number(REDIS_WAIT_REPLICAS) : undefined);
  const shards = options.shards ?? (CHOUETTE_SHARDS ? Number(CHOUETTE_SHARDS) : undefined);
  const isUsable = shards === undefined || (Number.isInteger(shards) && shards > 0 && shards <= MAX_SHARDS);
  return {
    // Records must not go to other shards instead.
    address: isUsable ? readAddress(options, environment, warn) : wrongShards(),
    shards,
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

function wrongShards(): Error {
  return new Error(`shards (CHOUETTE_SHARDS) should be a whole number from 1 to ${MAX_SHARDS}`);
}

/** The caller's host, port or Sentinels take precedence over the environment's REDIS_URL. An empty text counts as unset. */
function readAddress(
  options: ChouetteClientOptions,
  environment: Environment,
  warn: Warning,
): BrokerAddress | Error {
  const { username, password, database, tls } = options;
  const hasServer = Boolean(options.host) || options.port !== undefined || Boolean(options.sentinels);
  const url = options.url || (hasServer ? undefined : environment.REDIS_URL);
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

/** Throws if the list of Sentinels is invalid. */
function readServer(options: ChouetteClientOptions, environment: Environment, warn: Warning): BrokerAddress {
  const hasHost = Boolean(options.host) || options.port !== undefined;
  const given = options.sentinels ?? (hasHost ? undefined : sentinelsOf(environment));
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
