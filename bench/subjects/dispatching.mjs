/** Sends a backlog of ready metrics by the dispatch of a tree, and reports points, bytes and CPU time. */
import { answer } from "../suite/child.mjs";
import { startDispatching } from "../support/dispatching.mjs";
import { hostAfterOutage } from "../workloads/host.mjs";

answer({
  send: async ({ tree, url, hours, seriesVersion }) => {
    const { releases } = hostAfterOutage(1, hours);
    const { release, close } = await startDispatching(tree, "metrics", { url, seriesVersion });
    const before = process.cpuUsage();
    let [points, bytes] = [0, 0];
    for (const { at, records } of releases) {
      bytes += await release(at, records);
      points += records.length;
    }
    const { user, system } = process.cpuUsage(before);
    await close();
    return { points, bytes, cpuSeconds: (user + system) / 1e6 };
  },
});
