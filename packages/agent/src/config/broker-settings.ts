/** Settings of the broker: the Redis server, or the embedded broker and its files. */
import { homedir } from "node:os";
import { join } from "node:path";
import { DEFAULT_MASTER } from "@chouette-iot/queue/resp/sentinel-address";
import { MAX_SHARDS } from "@chouette-iot/record";
import { fsync, hostAndPort, hostName, oneOf, port, text, wholeNumber, yesOrNo } from "./kinds.js";
import { redisServers, redisUrl } from "./redis-kinds.js";
import { setting } from "./setting.js";

export const BROKER = {
  storageType: setting(
    ["CHOUETTE_STORAGE_TYPE"],
    oneOf(["redis", "embedded"]),
    undefined,
    "The broker; redis if REDIS_HOST, REDIS_URL or REDIS_SENTINELS is set, else embedded",
    { requiresRestart: true },
  ),
  redisUrl: setting(
    ["REDIS_URL"],
    redisUrl(),
    undefined,
    "The Redis server; takes precedence over the other REDIS_ settings",
    { secret: true, requiresRestart: true },
  ),
  redisSentinels: setting(
    ["REDIS_SENTINELS"],
    redisServers("10.0.0.1:26379,10.0.0.2:26379"),
    undefined,
    "Redis Sentinels to ask for the Redis server; takes precedence over REDIS_HOST and REDIS_PORT. For passwords, TLS or a database, use REDIS_URL",
    { requiresRestart: true },
  ),
  redisSentinelMaster: setting(
    ["REDIS_SENTINEL_MASTER"],
    text("a name"),
    DEFAULT_MASTER,
    "The name by which the Sentinels know the Redis server",
    { requiresRestart: true },
  ),
  redisHost: setting(["REDIS_HOST"], hostName(), undefined, "The Redis server's host", {
    requiresRestart: true,
  }),
  redisPort: setting(["REDIS_PORT"], port(), 6379, "The Redis server's port", {
    requiresRestart: true,
  }),
  shards: setting(
    ["CHOUETTE_SHARDS"],
    wholeNumber(1, MAX_SHARDS, "shards"),
    undefined,
    "Number of shards on the Redis server or Redis Cluster, which several agents share; the same for all agents and clients",
    { requiresRestart: true },
  ),
  listen: setting(
    ["CHOUETTE_LISTEN"],
    hostAndPort("127.0.0.1:6379"),
    { host: "127.0.0.1", port: 6379 },
    "Address on which the embedded broker listens for Redis clients",
    { requiresRestart: true },
  ),
  password: setting(
    ["CHOUETTE_PASSWORD"],
    text("a password"),
    undefined,
    "The password for clients of the embedded broker",
    { secret: true, requiresRestart: true },
  ),
  tlsCert: setting(
    ["CHOUETTE_TLS_CERT"],
    text("a file"),
    undefined,
    "The agent's certificate (PEM): clients on other machines must then use TLS (rediss://) with the embedded broker. Also shown to a gateway that asks for one",
    { requiresRestart: true },
  ),
  tlsKey: setting(["CHOUETTE_TLS_KEY"], text("a file"), undefined, "The certificate's private key (PEM)", {
    requiresRestart: true,
  }),
  tlsClientCa: setting(
    ["CHOUETTE_TLS_CLIENT_CA"],
    text("a file"),
    undefined,
    "A certificate authority (PEM): clients of the embedded broker on other machines must have a certificate of it",
    { requiresRestart: true },
  ),
  protectedMode: setting(
    ["CHOUETTE_PROTECTED_MODE"],
    yesOrNo(),
    true,
    "Without a password, the embedded broker refuses clients on other machines, like Redis' protected mode",
    { requiresRestart: true },
  ),
  maxConnections: setting(
    ["CHOUETTE_MAX_CONNECTIONS"],
    wholeNumber(1, 100_000, "connections"),
    1_000,
    "Limit of the embedded broker's connections; when it is reached, idle ones are closed in favour of new ones",
    { requiresRestart: true },
  ),
  dataDirectory: setting(
    ["CHOUETTE_DATA_DIR"],
    text("a folder"),
    defaultDataDirectory(),
    "Folder of the embedded broker's files",
    {
      requiresRestart: true,
      defaultText: "$STATE_DIRECTORY, $XDG_STATE_HOME/chouette or ~/.local/state/chouette",
    },
  ),
  fsync: setting(
    ["CHOUETTE_FSYNC"],
    fsync(),
    "everysec",
    "When the embedded broker flushes writes to the disk: everysec (a power cut loses at most the last second), always (before it replies) or a number of milliseconds. The end of the process loses nothing in any case",
    { requiresRestart: true },
  ),
  storeMaxBytes: setting(
    ["STORE_MAX_BYTES"],
    wholeNumber(1_000_000, Number.MAX_SAFE_INTEGER, "bytes"),
    undefined,
    "Disk limit of the embedded broker; unset, a tenth of its file system, at most 4 GiB. When it is reached, the oldest dead letters are deleted first, then logs, then metrics",
  ),
} as const;

/** The folder that the service manager or the system has for state. */
function defaultDataDirectory(): string {
  const { STATE_DIRECTORY = "", XDG_STATE_HOME } = process.env;
  // systemd lists several if the unit asks for several.
  const [ofService] = STATE_DIRECTORY.split(":");
  return ofService || join(XDG_STATE_HOME || join(homedir(), ".local", "state"), "chouette");
}
