/** The ledger of each queue: accepted = done + pending + dropped, as a bar and as a sum. */

import { duration, words } from "../runtime/readable.js";
import { type Ledger, total } from "../status/ledger.js";
import type { Status } from "../status/status.js";
import { measure, number } from "./format.js";
import { type Html, html } from "./html.js";

const TITLES: readonly (readonly [end: string, title: string])[] = [
  [":metrics:raw", "Raw metrics"],
  [":metrics:wrapped", "Ready metrics"],
  [":logs:wrapped", "Logs"],
  [":rejected", "Dead letters"],
];

function titleOf(queue: string): string {
  return TITLES.find(([end]) => queue.endsWith(end))?.[1] ?? queue;
}

export function ledgers({ queues }: Status): Html {
  const none = html`<p>The store does not answer.</p>`;
  return html`<section id="ledger" aria-labelledby="ledger-title">
<h2 id="ledger-title">Ledger</h2>
<p>Every record that was accepted, since the store was created, across restarts. <span class="key done">done</span> <span class="key pending">pending</span> <span class="key dropped">dropped</span> <span class="key missing">missing</span></p>
${queues === undefined ? none : queues.map(ledger)}
</section>`;
}

type Queue = NonNullable<Status["queues"]>[number];

function ledger({ name, ledger: of, oldestAge, rates }: Queue): Html {
  const { accepted, done, pending, dropped, missing, unknownLosses } = of;
  const parts = [
    ["done", total(done)],
    ["pending", pending],
    ["dropped", total(dropped)],
    ["missing", missing],
  ] as const;
  const sum = parts
    .filter(([part, count]) => part !== "missing" || count > 0)
    .map(([part, count]) => `${number(count)} ${part}`)
    .join(" + ");
  const title = titleOf(name);
  const age = oldestAge === undefined ? "" : `oldest pending ${duration(oldestAge)}`;
  const rate = rates === undefined ? "" : `in ${measure(rates.in)}/s, out ${measure(rates.out)}/s`;
  return html`<div class="queue">
<h3>${title} <code>${name}</code></h3>
${bar(title, parts)}
<p>${number(accepted)} accepted = ${sum}</p>
<p class="detail">${[reasons(of), age, rate, losses(unknownLosses)].filter((text) => text !== "").join("; ")}</p>
</div>`;
}

function reasons({ done, dropped }: Ledger): string {
  const positive = Object.entries({ ...done, ...dropped }).filter(([, count]) => count > 0);
  return positive.map(([reason, count]) => `${words(reason)} ${number(count)}`).join(", ");
}

function losses(count: number): string {
  return count === 0 ? "" : `${number(count)} ${count === 1 ? "loss" : "losses"} of unknown size`;
}

const WIDTH = 1000;
/** Every part above 0 is visible, however small its share. */
const MIN_WIDTH = 4;

function bar(title: string, parts: readonly (readonly [name: string, count: number])[]): Html {
  const present = parts.filter(([, count]) => count > 0);
  const all = present.reduce((sum, [, count]) => sum + count, 0);
  const widths = present.map(([, count]) => Math.max(MIN_WIDTH, (WIDTH * count) / all));
  const scale = WIDTH / widths.reduce((sum, width) => sum + width, 0);
  let x = 0;
  const rects = present.map(([name], index) => {
    const width = (widths[index] ?? 0) * scale;
    x += width;
    return html`<rect class="${name}" x="${(x - width).toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`;
  });
  const label = present.map(([name, count]) => `${name} ${number(count)}`).join(", ") || "empty";
  return html`<svg class="bar" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" role="img" aria-label="${title}: ${label}">${rects}</svg>`;
}
