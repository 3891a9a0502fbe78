/** The dashboard's page. It is complete without its script, which draws the charts and updates the page. */
import type { Figure } from "../status/history.js";
import { type Html, html } from "./html.js";
import { sections } from "./sections.js";
import type { View } from "./view.js";

interface Chart {
  readonly id: string;
  readonly title: string;
  /** How the script writes the values. */
  readonly unit: "records" | "seconds" | "rate" | "bytes";
  readonly lines: readonly (readonly [figure: Figure, label: string])[];
}

const CHARTS: readonly Chart[] = [
  {
    id: "waiting",
    title: "Waiting records",
    unit: "records",
    lines: [
      ["readyPending", "ready metrics"],
      ["rawPending", "raw metrics"],
      ["logsPending", "logs"],
    ],
  },
  {
    id: "age",
    title: "Age of the oldest",
    unit: "seconds",
    lines: [
      ["metricsAge", "ready metrics"],
      ["logsAge", "logs"],
    ],
  },
  {
    id: "rates",
    title: "Metrics in and out",
    unit: "rate",
    lines: [
      ["metricsIn", "raw metrics in"],
      ["metricsOut", "metrics delivered"],
    ],
  },
  {
    id: "log-rates",
    title: "Logs in and out",
    unit: "rate",
    lines: [
      ["logsIn", "logs in"],
      ["logsOut", "logs delivered"],
    ],
  },
  {
    id: "today",
    title: "Bytes on the link today (UTC)",
    unit: "bytes",
    lines: [["bytesToday", "both ways"]],
  },
  { id: "month", title: "Bytes sent this month (UTC)", unit: "bytes", lines: [["bytesMonth", "sent"]] },
];

/** Sections from this one on come after the charts. */
const AFTER_CHARTS = "ledger";

export function page(view: View): Html {
  const parts = [...sections(view)];
  const charts = parts.findIndex(([id]) => id === AFTER_CHARTS);
  const markup = (from: number, to?: number) => parts.slice(from, to).map(([, section]) => section);
  const { host } = view.status;
  return document(
    `Chouette on ${host}`,
    html`<header><h1>Chouette <span>${host}</span></h1><p id="live" class="live">as of <span id="updated">now</span></p></header>
<main>
${markup(0, charts)}
${chartSection(view)}
${markup(charts)}
</main>
<footer><p>The same as data: <a href="/status">/status</a>, <a href="/metrics">/metrics</a>, <a href="/history">/history</a>.</p></footer>`,
    html`<link rel="stylesheet" href="/uPlot.css">
<script src="/uPlot.js" defer></script>
<script src="/page.js" type="module"></script>`,
  );
}

function chartSection({ status: { budget } }: View): Html {
  return html`<section aria-labelledby="charts-title">
<h2 id="charts-title">Over time</h2>
<noscript><p>The charts need JavaScript.</p></noscript>
<fieldset class="range"><legend>Time span</legend>
<label><input type="radio" name="range" value="hour" checked> Last hour</label>
<label><input type="radio" name="range" value="day"> Last day</label></fieldset>
<div class="charts">
${CHARTS.map((chart) => chartFigure(chart, chart.id === "today" ? budget?.bytesPerDay : undefined))}
</div>
</section>`;
}

/** @param limit drawn as a dashed line */
function chartFigure({ id, title, unit, lines }: Chart, limit: number | undefined): Html {
  const figures = lines.map(([figure, label]) => `${figure}=${label}`).join(";");
  return html`<figure class="chart" data-unit="${unit}" data-lines="${figures}"${limit === undefined ? "" : html` data-limit="${limit}"`}><figcaption id="chart-${id}">${title}</figcaption>
<div class="plot" role="img" aria-labelledby="chart-${id} chart-${id}-text"></div><p class="legend" id="chart-${id}-text"></p></figure>
`;
}

/** @param problem shown above the form */
export function loginPage(problem?: string): Html {
  return document(
    "Chouette: sign in",
    html`<main class="login"><h1>Chouette</h1>
${problem === undefined ? "" : html`<p role="alert" class="bad">${problem}</p>`}
<form method="post" action="/login"><label for="token">Token (<code>CHOUETTE_HTTP_TOKEN</code>)</label>
<input id="token" name="token" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button></form></main>`,
  );
}

function document(title: string, body: Html, head: Html = html``): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
${head}
</head>
<body>
${body}
</body>
</html>
`;
}
