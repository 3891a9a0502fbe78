/** What finds the server to connect to, before each connection: a fixed one, a master that Sentinels name, or that of a shard. */
import type { BrokerAddress } from "./address.js";

export interface ServerFinder {
  /** Whether another server may take its place: then the role of a server is checked, and one that was replaced is left. */
  readonly mayChange: boolean;
  /** Whether the server that was found is a node of a Cluster. */
  readonly isCluster: boolean;
  /** The address for messages. */
  readonly text: string;
  /** The address to connect to. Rejects if there is none. */
  find(): Promise<BrokerAddress>;
  /** The server found last isn't the right one: it should be looked for elsewhere. */
  distrust(): void;
  /** Whether another server is known to have replaced the one found last. Never rejects. */
  hasFailedOver(): Promise<boolean>;
}
