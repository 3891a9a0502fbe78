/** Into the broker: how many records a second are stored. */
import { versionOf } from "../suite/machine.mjs";
import { alternate } from "../suite/rounds.mjs";
import { startRedis } from "../support/redis.mjs";

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "broker",
  title: "Into the broker",
  about: "In work.",
  run: async ({ rounds, folder, say }) => {
    const redis = await startRedis(folder);
    const samples = await alternate({
      rounds,
      subjects: ["a", "b"],
      sample: async (subject) => ({ pid: redis.pid + subject.length }),
      say,
    });
    await redis.stop();
    const rows = [...samples].map(([label, own]) => ({
      label,
      samples: own,
      version: versionOf("hot-shots"),
    }));
    const figures = [{ key: "pid", title: "pid", unit: "n", better: "less" }];
    return { tables: [{ title: "Frame", figures, baseline: "a", rows }] };
  },
};
