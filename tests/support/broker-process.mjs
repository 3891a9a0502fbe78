/**
 * The built embedded broker in a separate process, to be killed by a test. Usage: broker-process.mjs FOLDER; it writes
 * the port that it listens on.
 */
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { startBroker } from "../../packages/agent/dist/ingest/redis-protocol/listener.js";

const { store } = await openEmbeddedStore({ folder: process.argv[2] });
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const broker = await startBroker({ store, host: "127.0.0.1", port: 0, log });
process.stdout.write(`listening on ${broker.address.port}\n`);
