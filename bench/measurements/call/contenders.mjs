/**
 * The contenders in "a call in the application", with their settings and sinks.
 *
 * @typedef {object} Contender
 * @property {string} label
 * @property {string} [version]
 * @property {string} client  a file of subjects/clients
 * @property {object} settings
 * @property {"redis" | "statsd" | "its own process"} farEnd
 * @property {number} least  the part of the calls that must arrive
 * @property {string} root  the tree whose client it is, where it is ours
 */
import { versionOf } from "../../suite/machine.mjs";
import { ourLabel } from "../../suite/trees.mjs";

/** Datagrams may get lost, but if half of them do, the socket isn't being read. */
const OF_DATAGRAMS = 0.5;

/** @type {readonly [label: string, settings: object][]} */
const OURS = [
  ["chouette-iot-client, aggregated (its default)", {}],
  ["chouette-iot-client, a record a call", { aggregate: false }],
  ["chouette-iot-client, bound handle", { bound: true }],
];

/** @type {readonly (Pick<Contender, "label" | "client"> & Partial<Contender>)[]} */
const PEERS = [
  { label: "hot-shots", client: "hot-shots", farEnd: "statsd", least: OF_DATAGRAMS },
  {
    label: "hot-shots, buffered",
    client: "hot-shots",
    // The README's buffer size for a local socket, which also suits UDP on loopback.
    settings: { maxBufferSize: 8192 },
    farEnd: "statsd",
    least: OF_DATAGRAMS,
  },
  {
    label: "hot-shots, aggregated",
    client: "hot-shots",
    settings: { maxBufferSize: 8192, aggregation: true },
    farEnd: "statsd",
    least: OF_DATAGRAMS,
  },
  { label: "datadog-metrics", client: "datadog-metrics" },
  { label: "prom-client", client: "prom-client" },
  { label: "prom-client, labels() kept", client: "prom-client", settings: { bound: true } },
  { label: "@opentelemetry/sdk-metrics", client: "opentelemetry" },
];

/** The baseline first. @param {readonly import("../../suite/measurement.mjs").Tree[]} trees @returns {Contender[]} */
export function contenders(trees) {
  const ours = trees.flatMap((tree) =>
    OURS.map(([label, settings]) => ({
      label: ourLabel(label, tree, trees),
      client: "chouette",
      settings,
      farEnd: /** @type {const} */ ("redis"),
      least: 1,
      root: tree.root,
    })),
  );
  const peers = PEERS.map((peer) => ({
    settings: {},
    farEnd: /** @type {const} */ ("its own process"),
    least: 1,
    root: trees[0].root,
    ...peer,
    version: versionOf(peer.label.split(",")[0]),
  }));
  return [...ours, ...peers];
}
