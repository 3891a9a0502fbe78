/** Growth: the cost of storing and aggregating as backlog, contexts and record size grow tenfold. */
import { AGENT_GROWTH, agentGrowth } from "./growth/agent.mjs";
import { STORING_GROWTH, storingGrowth } from "./growth/storing.mjs";

/** Each with a text for the report and a `run`. */
const PARTS = [
  { about: STORING_GROWTH, run: storingGrowth },
  { about: AGENT_GROWTH, run: agentGrowth },
];

/** @type {import("../suite/measurement.mjs").Measurement} */
export default {
  id: "growth",
  title: "Growth",
  about: PARTS.map(({ about }) => about).join("\n\n"),
  run: async (run) => {
    const tables = [];
    const plots = [];
    for (const part of PARTS) {
      const outcome = await part.run(run);
      tables.push(...(outcome.tables ?? []));
      plots.push(...(outcome.plots ?? []));
    }
    return { tables, plots };
  },
};
