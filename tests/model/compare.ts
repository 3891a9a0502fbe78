/**
 * Compares what should have arrived with what did: for each group of series, recorded = arrived + pending + dropped,
 * and the ledger agrees.
 */
import type { Device } from "./device.js";
import { QUEUES } from "./watched-store.js";

/** The differences in words; empty if everything is right. */
export async function differencesOf(device: Device): Promise<readonly string[]> {
  const pending = await device.pendingRaw();
  await device.overlayPending();
  return [
    ...device.differences,
    ...sums(device, pending),
    ...gauges(device),
    ...logs(device, await pendingLogs(device)),
    ...(await ledger(device)),
  ];
}

function sums(device: Device, pending: Awaited<ReturnType<Device["pendingRaw"]>>): readonly string[] {
  const arrived = new Map<string, number>();
  const parts = new Map<string, string[]>();
  for (const { group, amount, at, type } of device.farSide.points()) {
    if (type === GAUGE) continue;
    arrived.set(group, (arrived.get(group) ?? 0) + amount);
    parts.set(group, [...(parts.get(group) ?? []), `${amount} at ${at}`]);
  }
  const groups = new Set(
    device.recorded.filter(({ type }) => type !== "gauge" && type !== "collected").map(({ group }) => group),
  );
  const wrong: string[] = [];
  for (const group of groups) {
    const records = device.recorded.filter((record) => record.group === group);
    const certain = total(records.filter(({ isCertain }) => isCertain));
    const all = total(records);
    const missing = device.watched.dropped.of(group) + pending.of(group);
    const found = (arrived.get(group) ?? 0) + missing;
    const maxAllowed = device.mayRepeat.has(group) ? Number.POSITIVE_INFINITY : all;
    if (found >= certain - 1e-6 && found <= maxAllowed + 1e-6) continue;
    const made = records.map(({ amount, stamp }) => `${amount} at ${stamp}`).join(", ");
    wrong.push(
      `${group}: recorded ${made}; arrived ${parts.get(group)?.join(", ") ?? "nothing"}; dropped or pending ${missing}`,
    );
  }
  for (const [group, amount] of arrived)
    if (!groups.has(group)) wrong.push(`${group}: nobody recorded ${amount}`);
  return wrong;
}

const GAUGE = 3;

/** The newest value of a gauge is one of those that arrived. */
function gauges(device: Device): readonly string[] {
  const wrong: string[] = [];
  for (const kind of ["gauge", "collected"]) {
    const records = device.recorded.filter(({ type }) => type === kind);
    for (const group of new Set(records.map(({ group: name }) => name))) {
      const own = records.filter((record) => record.group === group);
      if (device.hasStepped || own.some(({ isCertain }) => !isCertain)) continue;
      if (device.watched.dropped.of(group) > 0) continue;
      const last = Math.max(...own.map(({ stamp }) => stamp));
      const newest = own.filter(({ stamp }) => stamp === last).map(({ value }) => value);
      const values = device.farSide
        .points()
        .filter((point) => point.group === group)
        .map(({ value }) => value);
      if (!newest.some((value) => values.includes(value)))
        wrong.push(`${group}: should be ${newest.join(" or ")}, but is ${values.join(", ")}`);
    }
  }
  return wrong;
}

async function pendingLogs(device: Device): Promise<ReadonlySet<string>> {
  const records = await device.watched.all(QUEUES.logs);
  return new Set(records.map(({ value = "{}" }) => (JSON.parse(value) as { id: string }).id));
}

function logs(device: Device, pending: ReadonlySet<string>): readonly string[] {
  const wrong: string[] = [];
  for (const { id, isCertain, mayRepeat } of device.logs.values()) {
    const times = device.farSide.logs().get(id)?.length ?? 0;
    if (times > 1 && !mayRepeat) wrong.push(`${id} arrived ${times} times, and nothing had gone wrong`);
    if (times === 0 && isCertain && !pending.has(id) && !device.droppedLogs.has(id))
      wrong.push(`${id} is lost`);
  }
  return wrong;
}

/** For each queue: accepted = done + pending + dropped. */
async function ledger(device: Device): Promise<readonly string[]> {
  const counters = await device.watched.store.counters();
  const wrong: string[] = [];
  const stored: Readonly<Record<string, number>> = {
    [QUEUES.rawMetrics]: device.stored.raw,
    [QUEUES.logs]: device.stored.logs,
  };
  for (const queue of Object.values(QUEUES)) {
    const fates = [...counters].filter(
      ([name]) => name.startsWith(`${queue}:`) && !name.endsWith(":accepted"),
    );
    const pending = (await device.watched.all(queue)).length;
    const left = fates.reduce((sum, [, count]) => sum + count, pending);
    const accepted = stored[queue] ?? counters.get(`${queue}:accepted`) ?? 0;
    if (left === accepted) continue;
    const told = fates.map(([name, count]) => `${count} ${name.slice(queue.length + 1)}`).join(", ");
    wrong.push(`${queue}: ${accepted} accepted, but ${told} and ${pending} pending make ${left}`);
  }
  return wrong;
}

function total(records: readonly { readonly amount: number }[]): number {
  return records.reduce((sum, { amount }) => sum + amount, 0);
}
