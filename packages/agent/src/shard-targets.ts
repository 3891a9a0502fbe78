/** Chooses the shard for records that the agent itself creates: those of DogStatsD, of collectors and of self metrics. */
import { queueNames, type Store, StoreError, shardNamespace } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import { currentHostName } from "./config/host-name.js";
import type { Settings } from "./config/settings.js";
import type { DeviceWriters } from "./device.js";
import type { StatsdTarget } from "./ingest/dogstatsd/outboxes.js";
import { groupBy } from "./runtime/group-by.js";
import { checkWriter, readyWriter } from "./runtime/ready-writer.js";
import type { ShardCount } from "./shards/shard-count.js";
import type { RecordTap } from "./status/record-tap.js";

/**
 * The shards as DogStatsD's targets; they may be opened later. While the broker has another number of shards, records are refused,
 * as for any client: a series must not be in two shards.
 */
export function shardTargets(
  wanted: number,
  number: Pick<ShardCount, "refusal">,
  shards: () => readonly StatsdTarget[],
): readonly [StatsdTarget, ...StatsdTarget[]] {
  const target = (shard: number): StatsdTarget => ({
    queues: queueNames(shardNamespace(shard)),
    store: laterStore(() => {
      const store = number.refusal === undefined ? shards()[shard]?.store : undefined;
      if (store === undefined) throw new StoreError(number.refusal ?? "not connected to the shards yet");
      return store;
    }),
  });
  return [target(0), ...Array.from({ length: wanted - 1 }, (_, index) => target(index + 1))];
}

/**
 * Writers to the shards of the metrics' names. Every agent may send them, so they get this device's host.
 *
 * @param shards none until they are open: then nothing can be written
 */
export function shardWriters(
  settings: Settings,
  tap: RecordTap,
  shards: () => readonly StatsdTarget[],
): DeviceWriters {
  const { globalTags } = settings;
  const store = (shard: number) =>
    laterStore(() => {
      const found = shards()[shard];
      if (found === undefined) throw new StoreError("not connected to the shards yet");
      return tap.store(found.store);
    });
  const cached = <W>(open: (store: Store, queues: ReturnType<typeof queueNames>) => W) => {
    const writers = new Map<number, W>();
    return (name: string): W => {
      const shard = shardOf(name, Math.max(1, shards().length));
      const writer = writers.get(shard) ?? open(store(shard), queueNames(shardNamespace(shard)));
      writers.set(shard, writer);
      return writer;
    };
  };
  return {
    ready: (origin) => {
      const writerOf = cached((shard, { readyMetrics }) =>
        readyWriter(shard, readyMetrics, origin, globalTags),
      );
      return async (metrics) => {
        const host = currentHostName(settings);
        const withHost = metrics.map((metric) => ({ ...metric, host: metric.host ?? host }));
        const byWriter = groupBy(withHost, ({ metric }) => writerOf(metric));
        await Promise.all([...byWriter].map(([write, list]) => write(list)));
      };
    },
    check: () => {
      const writerOf = cached((shard, { checks }) => checkWriter(shard, checks));
      return (check) =>
        writerOf(check.check)({ ...check, host_name: check.host_name ?? currentHostName(settings) });
    },
  };
}

/** A store that is found with each call. @param find throws while there is none */
function laterStore(find: () => Store): Store {
  return {
    get epoch() {
      return find().epoch;
    },
    append: async (queue, records) => find().append(queue, records),
    read: async (queue, options) => find().read(queue, options),
    orphans: async (queue, limit) => find().orphans(queue, limit),
    settle: async (settlement) => find().settle(settlement),
    size: async (queue) => find().size(queue),
    state: async (keys) => find().state(keys),
    stateWithPrefix: async (prefix) => find().stateWithPrefix(prefix),
    counters: async () => find().counters(),
    close: async () => {},
  };
}
