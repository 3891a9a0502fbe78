/** The outages of the last day: a line per component, with a bar for each outage. */

import { duration } from "../runtime/readable.js";
import type { RecordedOutage } from "../status/outage-log.js";
import { time } from "./format.js";
import { type Html, html } from "./html.js";
import type { View } from "./view.js";

const DAY = 86_400;
const WIDTH = 1000;
const MIN_WIDTH = 2;
const SHOWN = 8;

export function timeline({ outages, status: { at, uptime } }: View): Html {
  const recent = outages.filter(({ to }) => to === undefined || to > at - DAY);
  const components = [...new Set(recent.map(({ component }) => component))].sort();
  const none = html`<p>None since the agent started ${duration(uptime)} ago.</p>`;
  const bars = components.map(
    (component) => html`<div class="outage"><span>${component}</span>${bar(
      recent.filter((outage) => outage.component === component),
      at,
    )}</div>
`,
  );
  const latest = recent.toReversed().slice(0, SHOWN);
  return html`<section id="outages" aria-labelledby="outages-title">
<h2 id="outages-title">Outages, last 24 hours</h2>
${
  recent.length === 0
    ? none
    : html`${bars}<div class="outage axis" aria-hidden="true"><span></span><span class="hours"><span>24 h ago</span><span>12 h ago</span><span>now</span></span></div>
<ul>${latest.map((outage) => item(outage, at))}</ul>`
}
</section>`;
}

function bar(outages: readonly RecordedOutage[], now: number): Html {
  const rects = outages.map(({ from, to = now }) => {
    const x = Math.max(0, ((from - now + DAY) / DAY) * WIDTH);
    const width = Math.max(MIN_WIDTH, ((to - now + DAY) / DAY) * WIDTH - x);
    return html`<rect x="${Math.min(x, WIDTH - width).toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`;
  });
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>`;
}

function item({ component, state, from, to, reason }: RecordedOutage, now: number): Html {
  const length = duration((to ?? now) - from);
  const span =
    to === undefined
      ? html`since ${time(from)} (${length})`
      : html`from ${time(from)} to ${time(to)} (${length})`;
  return html`<li><b>${component}</b> ${state} ${span}${reason === undefined ? "" : `: ${reason}`}</li>
`;
}
