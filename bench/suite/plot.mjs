/** Draws a plot as SVG: lines with a mark at each point, linear or logarithmic axes. A pure function. */

const WIDTH = 720;
const HEIGHT = 400;
const EDGES = { left: 74, right: 170, top: 16, bottom: 52 };
/** Colours that colour-blind people can distinguish, by Okabe and Ito. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const MIN_LABEL_GAP = 15;

/** @param {import("./measurement.mjs").Plot} plot @returns {string} */
export function svg({ title, x, y, lines }) {
  const points = lines.flatMap((line) => line.points);
  const across = scale(
    points.map(([at]) => at),
    x.log,
    [EDGES.left, WIDTH - EDGES.right],
  );
  const up = scale(
    points.map(([, value]) => value),
    y.log,
    [HEIGHT - EDGES.bottom, EDGES.top],
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}" font-family="sans-serif" font-size="12">`,
    // White background, since pages may be light or dark.
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...gridAcross(across),
    ...gridUp(up),
    text((EDGES.left + WIDTH - EDGES.right) / 2, HEIGHT - 12, x.title, "middle"),
    `<text transform="rotate(-90)" x="${-(EDGES.top + HEIGHT - EDGES.bottom) / 2}" y="16" text-anchor="middle">${escaped(y.title)}</text>`,
    ...lines.flatMap((line, index) => drawn(line, COLOURS[index % COLOURS.length], across, up)),
    ...labels(lines, up),
    "</svg>",
  ].join("\n")}\n`;
}

/** From values to pixels, with the ticks to draw. A linear axis begins at 0. */
function scale(values, isLog = false, [from, to]) {
  const greatest = Math.max(...values);
  const ticks = isLog ? powersOfTen(Math.min(...values), greatest) : steps(greatest);
  const turn = isLog ? Math.log10 : (value) => value;
  const [first, last] = [turn(ticks[0]), turn(ticks[ticks.length - 1])];
  return { ticks, at: (value) => round(from + ((turn(value) - first) / (last - first)) * (to - from)) };
}

function powersOfTen(least, greatest) {
  const first = Math.floor(Math.log10(least));
  const last = Math.max(Math.ceil(Math.log10(greatest)), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

function steps(greatest) {
  const rough = (greatest || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  return Array.from({ length: Math.ceil(greatest / step) + 1 }, (_, index) => index * step);
}

function gridAcross({ ticks, at }) {
  return ticks.flatMap((tick) => [
    `<line x1="${at(tick)}" x2="${at(tick)}" y1="${EDGES.top}" y2="${HEIGHT - EDGES.bottom}" stroke="#ddd"/>`,
    text(at(tick), HEIGHT - EDGES.bottom + 18, short(tick), "middle"),
  ]);
}

function gridUp({ ticks, at }) {
  return ticks.flatMap((tick) => [
    `<line x1="${EDGES.left}" x2="${WIDTH - EDGES.right}" y1="${at(tick)}" y2="${at(tick)}" stroke="#ddd"/>`,
    text(EDGES.left - 8, at(tick) + 4, short(tick), "end"),
  ]);
}

function drawn({ points }, colour, across, up) {
  const places = points.map(([x, y]) => `${across.at(x)},${up.at(y)}`);
  return [
    `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.map(([x, y]) => `<circle cx="${across.at(x)}" cy="${up.at(y)}" r="3" fill="${colour}"/>`),
  ];
}

/** Each line's name next to its last point, moved down if two would overlap. */
function labels(lines, up) {
  const wanted = lines
    .map(({ label, points }, index) => ({
      label,
      y: up.at(points.at(-1)[1]) + 4,
      colour: COLOURS[index % COLOURS.length],
    }))
    .sort((a, b) => a.y - b.y);
  let lowest = Number.NEGATIVE_INFINITY;
  return wanted.map(({ label, y, colour }) => {
    lowest = Math.max(y, lowest + MIN_LABEL_GAP);
    return `<text x="${WIDTH - EDGES.right + 10}" y="${round(lowest)}" fill="${colour}">${escaped(label)}</text>`;
  });
}

function text(x, y, content, anchor) {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function short(value) {
  if (value >= 1e6) return `${value / 1e6} M`;
  if (value >= 1e3) return `${value / 1e3} k`;
  return String(Number(value.toPrecision(6)));
}

function round(pixels) {
  return Math.round(pixels * 10) / 10;
}

function escaped(content) {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
