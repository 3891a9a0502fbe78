/**
 * The sections of the dashboard that change, each with an id: rendered for the page, and again for every update. The page's
 * script replaces the sections that changed.
 */
import type { ReadyMetric } from "@chouette-iot/record";
import type { CollectorStatus } from "../collectors/runner.js";
import { formatValue } from "../config/format-value.js";
import { duration, words } from "../runtime/readable.js";
import { linkBytes } from "../status/link-bytes.js";
import type { MetricUse, SeriesUse } from "../status/series-use.js";
import type { Status } from "../status/status.js";
import { bytes, measure, number, numberOf, time } from "./format.js";
import { headlineOf } from "./headline.js";
import { type Html, html } from "./html.js";
import { ledgers } from "./ledgers.js";
import { timeline } from "./timeline.js";
import type { View } from "./view.js";

/** In the order of the page. */
export function sections(view: View): ReadonlyMap<string, Html> {
  const { status } = view;
  return new Map([
    ["state", state(view)],
    ["figures", figures(status)],
    ["ledger", ledgers(status)],
    ["outages", timeline(view)],
    ["collectors", collectors(status, view.lastReady)],
    ["series", series(view.series, status)],
    ["dead-letters", deadLetters(view)],
    ["settings", settings(view)],
    ["agent", agent(status)],
  ]);
}

const VERDICTS = { ok: "OK", warning: "Warning", error: "Error" } as const;

function state({ status, outages }: View): Html {
  const { verdict, sentence, since, detail, advice } = headlineOf(status, outages);
  const label = verdict === "ok" ? ": last delivery" : " since";
  const when = since === undefined ? "" : html`${label} ${time(since)}`;
  // A screen reader announces a new state, not each delivery.
  return html`<section id="state" class="state ${verdict}" aria-labelledby="headline">
<p id="headline"><span role="status"><span class="verdict">${VERDICTS[verdict]}</span> <strong>${sentence}</strong></span><strong>${when}.</strong></p>
${detail === undefined ? "" : html`<p class="detail">${detail}</p>`}
${advice === undefined ? "" : html`<p class="advice">${advice}</p>`}
</section>`;
}

/** The most important figures. */
function figures(status: Status): Html {
  const { deliveries, budget, queues, at } = status;
  const pending = (end: string) => queues?.find(({ name }) => name.endsWith(end))?.ledger.pending;
  const last = Math.max(deliveries.metrics.last ?? 0, deliveries.logs.last ?? 0);
  const shown = (value: number | undefined) => (value === undefined ? "unknown" : number(value));
  const [today, month] = [linkBytes(status, "today"), linkBytes(status, "month")];
  const perDay = budget?.bytesPerDay;
  const limit =
    perDay === undefined || today === undefined
      ? "no daily budget"
      : `${((100 * today) / perDay).toFixed(1)}% of ${bytes(perDay)}`;
  return html`<section id="figures" aria-label="Figures">
<dl class="figures">
${figure("Metrics waiting", shown(pending(":metrics:wrapped")), `and ${shown(pending(":metrics:raw"))} raw records`)}
${figure("Logs waiting", shown(pending(":logs:wrapped")), `${shown(pending(":rejected"))} dead letters`)}
${figure("Last delivery", last === 0 ? "none yet" : `${duration(at - last)} ago`, delayText(status))}
${figure("On the link today (UTC)", today === undefined ? "unknown" : bytes(today), limit)}
${figure("This month", month === undefined ? "unknown" : bytes(month), "both ways, with TLS")}
</dl>
</section>`;
}

function figure(name: string, value: string, note: string): Html {
  return html`<div><dt>${name}</dt><dd><b>${value}</b> <span>${note}</span></dd></div>
`;
}

function delayText({ deliveries: { metrics } }: Status): string {
  return metrics.meanDelay === undefined
    ? "no delay measured yet"
    : `average delay ${duration(metrics.meanDelay)}`;
}

function collectors(status: Status, values: ReadonlyMap<string, readonly ReadyMetric[]>): Html {
  const rows = status.collectors.map((collector) =>
    collectorRows(collector, values.get(collector.name) ?? [], status),
  );
  const none = html`<p>No collector is switched on: set COLLECTOR_PLUGINS.</p>`;
  return html`<section id="collectors" aria-labelledby="collectors-title">
<h2 id="collectors-title">Collectors</h2>
${rows.length === 0 ? none : rows}
</section>`;
}

function collectorRows(
  { name, lastSuccess, lastMetrics, consecutiveFailures, lastError }: CollectorStatus,
  values: readonly ReadyMetric[],
  { at }: Status,
): Html {
  const ago = lastSuccess === undefined ? "no success yet" : `${duration(at - lastSuccess / 1000)} ago`;
  const failure =
    consecutiveFailures === 0
      ? ""
      : html` <span class="bad">failed ${number(consecutiveFailures)} in a row: ${lastError?.message ?? "skipped"}</span>`;
  const summary = html`<b>${name}</b> ${numberOf(lastMetrics, "metric")}, ${ago}${failure}`;
  if (values.length === 0) return html`<p class="collector">${summary}</p>`;
  return html`<details id="collector-${name}"><summary>${summary}</summary>
${table(
  `Last values of ${name}`,
  ["Metric", "Value", "Tags"],
  values.map(({ metric, points: [first], tags }) => [
    metric,
    right(measure(first?.[1] ?? Number.NaN)),
    tags.join(", "),
  ]),
)}
</details>`;
}

const SHOWN_METRICS = 10;

function series({ metrics, others }: SeriesUse, { deliveries }: Status): Html {
  const { records, bytes: sum } = deliveries.metrics;
  const byRecords = metrics.toSorted((a, b) => b.records - a.records);
  const rest = (shown: readonly MetricUse[]) => ({
    metric: numberOf(metrics.length - shown.length, "other metric"),
    records: records - total(shown.map((use) => use.records)),
    bytes: sum - total(shown.map((use) => use.bytes)),
  });
  const top = (label: string, uses: readonly MetricUse[]) => {
    const shown = uses.slice(0, SHOWN_METRICS);
    const hasRest = metrics.length > shown.length || others !== undefined;
    return table(
      label,
      ["Metric", "Series", "Records", "Bytes", "Share"],
      [
        ...shown.map((use) => useRow(use, number(use.series), sum)),
        ...(hasRest ? [useRow(rest(shown), "", sum)] : []),
      ],
    );
  };
  const none = html`<p>Nothing has been delivered since the agent started.</p>`;
  return html`<section id="series" aria-labelledby="series-title">
<h2 id="series-title">Top metrics</h2>
<p>Delivered since the agent started: ${numberOf(records, "record")}, ${numberOf(sum, "byte")} of compressed bodies, shared out by length.</p>
${
  metrics.length === 0
    ? none
    : html`<div class="columns"><div><h3>By bytes</h3>${top("Metrics by bytes", metrics)}</div>
<div><h3>By records</h3>${top("Metrics by records", byRecords)}</div></div>`
}
</section>`;
}

function useRow(
  { metric, records, bytes: own }: Pick<MetricUse, "metric" | "records" | "bytes">,
  seriesText: string,
  sum: number,
): readonly (string | Html)[] {
  const share = sum === 0 ? "" : `${((100 * own) / sum).toFixed(1)}%`;
  return [metric, right(seriesText), right(number(records)), right(number(own)), right(share)];
}

/** Limit of a dead letter's record, in characters. */
const SHOWN_RECORD = 300;

function deadLetters({ deadLetters: letters, status }: View): Html {
  const pending = status.queues?.find(({ name }) => name.endsWith(":rejected"))?.ledger.pending;
  const rows = (letters ?? []).map(({ at, queue, reason, value }) => [
    time(at),
    queue,
    reason,
    html`<code>${value === null ? "no value" : shorten(value, SHOWN_RECORD)}</code>`,
  ]);
  const none = html`<p>${letters === undefined ? "The store does not answer." : "There are no dead letters: every record could be used."}</p>`;
  return html`<section id="dead-letters" aria-labelledby="dead-letters-title">
<h2 id="dead-letters-title">Dead letters</h2>
${
  rows.length === 0
    ? none
    : html`<p>${number(pending ?? rows.length)} in the queue; the newest are shown. <code>chouette queue rejected</code> prints all, <code>chouette queue requeue</code> tries them again.</p>
${table("Newest dead letters", ["Time", "Queue", "Reason", "Record"], rows)}`
}
</section>`;
}

function settings({ settings: all }: View): Html {
  const rows = all.map(({ names: [name = ""], value, source }) => [name, formatValue(value), source]);
  const given = all.filter(({ source }) => source !== "default").length;
  return html`<section id="settings" aria-labelledby="settings-title">
<h2 id="settings-title">Settings</h2>
<details id="all-settings"><summary>${number(given)} of ${number(all.length)} settings are set</summary>
<p>Secrets are hidden. The descriptions are in <code>chouette config</code>.</p>
${table("Settings", ["Setting", "Value", "Source"], rows)}
</details>
</section>`;
}

function agent({ version, host, pid, uptime, broker, output }: Status): Html {
  const { kind, counters, memory, disk } = broker;
  const positive = Object.entries(counters ?? {}).filter(([, count]) => count > 0);
  const counts = positive.map(([name, count]) => `${words(name)} ${number(count)}`).join(", ");
  return html`<section id="agent" aria-label="Agent">
<p>Chouette ${version} on ${host}, process ${pid}, up ${duration(uptime)}. Output: ${output.url ?? output.kind}.
Broker: ${kind}${counts === "" ? "" : `, ${counts}`}${disk === undefined ? "" : `, ${bytes(disk.fileBytes)} on disk`}${memory === undefined ? "" : `, ${bytes(memory.usedBytes)} of memory`}.</p>
</section>`;
}

/** @param rows of cells: plain text, or markup such as a right-aligned number */
export function table(
  label: string,
  heading: readonly string[],
  rows: readonly (readonly (string | Html)[])[],
): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table>
<thead><tr>${heading.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

function right(text: string): Html {
  return html`<span class="number">${text}</span>`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
