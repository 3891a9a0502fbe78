/**
 * The script of the dashboard: draws the charts, and puts each update in its place. Every text comes from the server,
 * which has escaped it. What a reader has focused, opened or scrolled stays as it is.
 */

const SPANS = { hour: 3_600, day: 86_400 };
/** Seconds between samples that are drawn as connected: a longer gap is one. */
const GAPS = { hour: 35, day: 900 };

const rows = { hour: [], day: [] };
let charts = [];

/** Changes an element to look like another, node by node, so that what is the same stays in place. */
function morph(from, to) {
  for (const { name } of [...from.attributes]) {
    if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (name !== "open" && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  const next = [...to.childNodes];
  while (from.childNodes.length > next.length) from.lastChild.remove();
  for (const [index, node] of next.entries()) {
    const old = from.childNodes[index];
    if (old === undefined) from.append(node);
    else if (old.nodeName !== node.nodeName || (old.id ?? "") !== (node.id ?? "")) old.replaceWith(node);
    else if (old.nodeType === Node.ELEMENT_NODE) morph(old, node);
    else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
  }
}

/** Times in the reader's zone. */
function localTimes(root) {
  for (const element of root.querySelectorAll("time")) {
    const date = new Date(element.dateTime);
    const isToday = date.toDateString() === new Date().toDateString();
    element.title = element.dateTime;
    element.textContent = isToday ? date.toLocaleTimeString() : date.toLocaleString();
  }
}

function showSection(id, markup) {
  const place = document.getElementById(id);
  const next = new DOMParser().parseFromString(markup, "text/html").getElementById(id);
  if (place === null || next === null) return;
  localTimes(next);
  morph(place, next);
}

const FORMATS = {
  records: (value) => shorten(value),
  seconds: (value) =>
    value >= 7_200
      ? `${shorten(value / 3_600)} h`
      : value >= 120
        ? `${shorten(value / 60)} min`
        : `${shorten(value)} s`,
  rate: (value) => `${shorten(value)}/s`,
  bytes: (value) => {
    const power = Math.max(0, Math.min(4, Math.floor(Math.log10(Math.max(1, value)) / 3)));
    return `${shorten(value / 1000 ** power)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
  },
};

function shorten(value) {
  return Number(value.toPrecision(3)).toLocaleString();
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const range = () => document.querySelector("input[name=range]:checked").value;

/** Columns for uPlot, with a gap for every missing stretch. */
function columnsOf(lines, limit) {
  const shown = rows[range()];
  const gap = GAPS[range()];
  const columns = [[], ...lines.map(() => []), ...(limit === undefined ? [] : [[]])];
  for (const [index, row] of shown.entries()) {
    const before = shown[index - 1];
    if (before !== undefined && row.at - before.at > gap) {
      columns[0].push(before.at + 1);
      for (const column of columns.slice(1)) column.push(null);
    }
    columns[0].push(row.at);
    for (const [line, { figure }] of lines.entries()) columns[line + 1].push(row[figure] ?? null);
    if (limit !== undefined) columns[lines.length + 1].push(limit);
  }
  return columns;
}

class Chart {
  constructor(figure) {
    this.plot = figure.querySelector(".plot");
    this.legend = figure.querySelector(".legend");
    this.format = FORMATS[figure.dataset.unit];
    this.limit = figure.dataset.limit === undefined ? undefined : Number(figure.dataset.limit);
    this.lines = figure.dataset.lines.split(";").map((line) => {
      const [name, label] = line.split("=");
      return { figure: name, label };
    });
    this.create();
  }

  create() {
    this.uplot?.destroy();
    const axis = {
      stroke: colour("--soft"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, 'DejaVu Sans', sans-serif",
    };
    const line = (index, dash) => ({
      stroke: colour(`--line-${index + 1}`),
      width: 1.5,
      points: { show: false },
      spanGaps: false,
      ...(dash ? { dash: [6, 4] } : {}),
    });
    this.uplot = new uPlot(
      {
        width: this.plot.clientWidth || 300,
        height: 150,
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        legend: { show: false },
        scales: {
          x: { time: true, range: () => span() },
          y: { range: (_, __, max) => [0, niceMax(max)] },
        },
        axes: [
          { ...axis, size: 26, space: 70, values: (_, splits) => splits.map(clockTime) },
          { ...axis, size: 62, space: 30, values: (_, splits) => splits.map((value) => this.format(value)) },
        ],
        series: [
          {},
          ...this.lines.map((_, index) => line(index)),
          ...(this.limit === undefined ? [] : [line(2, true)]),
        ],
        hooks: { setCursor: [({ cursor: { idx } }) => this.describe(idx ?? undefined)] },
      },
      columnsOf(this.lines, this.limit),
      this.plot,
    );
    this.describe();
  }

  draw() {
    this.uplot.setData(columnsOf(this.lines, this.limit));
    this.describe(this.uplot.cursor.idx ?? undefined);
  }

  fit() {
    this.uplot.setSize({ width: this.plot.clientWidth || 300, height: 150 });
  }

  /** The values under the pointer, or else the newest and the largest. */
  describe(index) {
    const [times = [], ...columns] = this.uplot?.data ?? [];
    const texts = this.lines.map(({ label }, line) => {
      const values = columns[line] ?? [];
      const known = values.filter((value) => value !== null && value !== undefined);
      const value = index === undefined ? known.at(-1) : values[index];
      const shown = value === undefined || value === null ? "unknown" : this.format(value);
      const peak = known.length === 0 ? "" : ` (peak ${this.format(known.reduce((a, b) => Math.max(a, b)))})`;
      return [
        `line-${line + 1}`,
        `${label} ${shown}${index === undefined ? peak : ` at ${clockTime(times[index])}`}`,
      ];
    });
    if (this.limit !== undefined) texts.push(["limit", `budget ${this.format(this.limit)}`]);
    const spans = texts.map(([name, text]) => {
      const element = document.createElement("span");
      element.className = name;
      element.textContent = text;
      return element;
    });
    this.legend.replaceChildren(...spans);
  }
}

/** The whole span, or what of it has samples. */
function span() {
  const newest = rows.hour.at(-1)?.at ?? Date.now() / 1000;
  const longest = SPANS[range()];
  const oldest = rows[range()][0]?.at ?? newest;
  return [newest - Math.min(longest, Math.max(longest / 10, newest - oldest)), newest];
}

/** A round number above the largest value, so that the axis doesn't move with every sample. */
function niceMax(max) {
  if (!(max > 0)) return 1;
  const step = 10 ** Math.floor(Math.log10(max)) / 2;
  return Math.ceil((max * 1.02) / step) * step;
}

function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function drawAll() {
  for (const chart of charts) chart.draw();
}

function addSample(row) {
  for (const name of ["hour", "day"]) {
    // Of the current five minutes, the day has one sample, which the next load of the history replaces.
    const step = name === "hour" ? 1 : 300;
    const at = row.at - (row.at % step);
    const newest = rows[name].at(-1);
    if (newest === undefined || newest.at < at) rows[name].push({ ...row, at });
    else if (newest.at === at) rows[name][rows[name].length - 1] = largest(newest, row, at);
    rows[name] = rows[name].filter((candidate) => candidate.at > row.at - SPANS[name]);
  }
}

function largest(a, b, at) {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const entries = [...names].map((name) => [name, Math.max(a[name] ?? b[name], b[name] ?? a[name])]);
  return { ...Object.fromEntries(entries), at };
}

async function loadHistory() {
  const answer = await fetch("/history");
  if (!answer.ok) return;
  Object.assign(rows, await answer.json());
  drawAll();
}

function listen() {
  const live = document.getElementById("live");
  const updated = document.getElementById("updated");
  const events = new EventSource("/events");
  let wasLost = false;
  events.addEventListener("open", () => {
    // The agent may have been restarted meanwhile, or the computer asleep.
    if (wasLost) loadHistory().catch(() => {});
    wasLost = false;
    live.classList.remove("lost");
  });
  events.addEventListener("error", () => {
    wasLost = true;
    live.classList.add("lost");
    updated.textContent = `${updated.textContent.replace(/: the agent.*/, "")}: the agent does not answer`;
    // After an error answer, the browser gives up by itself.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5_000);
  });
  events.addEventListener("message", ({ data }) => {
    const { at, sections, sample } = JSON.parse(data);
    for (const [id, markup] of Object.entries(sections)) showSection(id, markup);
    updated.textContent = new Date(at * 1000).toLocaleTimeString();
    if (sample !== undefined) {
      addSample(sample);
      drawAll();
    }
  });
}

localTimes(document);
charts = [...document.querySelectorAll("figure.chart")].map((figure) => new Chart(figure));
for (const input of document.querySelectorAll("input[name=range]")) input.addEventListener("change", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) chart.create();
});
addEventListener("resize", () => {
  for (const chart of charts) chart.fit();
});
loadHistory().catch(() => {});
listen();
