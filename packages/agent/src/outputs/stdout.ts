/** The stdout output: a line for each ready metric, for a look at what would be sent and for agents without a key. */
import type { ReadyMetric } from "@chouette-iot/record";
import type { Output } from "./output.js";
import { groupSeries } from "./series.js";

export interface StdoutOptions {
  readonly host: string;
  readonly globalTags: readonly string[];
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
  write(text: string): void;
}

export function stdoutOutput({ host, globalTags, pretty, write }: StdoutOptions): Output<ReadyMetric> {
  return {
    async send(batch) {
      let text = "";
      for (const series of groupSeries(batch, globalTags)) {
        text += pretty ? prettyLines(series) : `${JSON.stringify({ ...series, host })}\n`;
      }
      write(text);
      return { kind: "delivered", bytes: Buffer.byteLength(text) };
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => {},
  };
}

function prettyLines({ metric, type, tags, points }: ReadyMetric): string {
  const lines = points.map(([at, value]) => {
    const time = new Date(at * 1000).toISOString();
    return `${time}  ${metric} ${type} ${value}${tags.length > 0 ? `  ${tags.join(" ")}` : ""}\n`;
  });
  return lines.join("");
}
