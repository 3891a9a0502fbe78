/**
 * The results of the calls as tables: one for each kind of call and figure, with the numbers of contexts as columns.
 */

export const KINDS = { increment: "Increment", gauge: "Gauge", histogram: "Histogram" };

/**
 * @typedef {object} Cell
 * @property {keyof typeof KINDS} kind
 * @property {number} contexts
 * @property {readonly { label: string, version?: string, samples: Readonly<Record<string, readonly number[]>> }[]} rows
 *   with samples of `clock`, `cpu`, `share` (percent) and `bytes`
 *
 * @param {readonly Cell[]} cells
 * @returns {import("../../suite/measurement.mjs").Table[]}
 */
export function tablesOf(cells) {
  return Object.entries(KINDS).flatMap(([kind, title]) => {
    const own = cells.filter((cell) => cell.kind === kind);
    const tables = [
      table(own, { title: `${title}: the call`, key: "clock", unit: "ns" }),
      withShares(own, table(own, { title: `${title}: until it has arrived`, key: "cpu", unit: "ns of CPU" })),
      table(own, { title: `${title}: bytes allocated`, key: "bytes", unit: "bytes" }),
    ];
    // A quick run measures allocations of one kind only.
    return tables.filter(({ rows: [{ samples }] }) => !Object.values(samples).includes(undefined));
  });
}

function table(cells, { title, key, unit }) {
  const [{ rows }] = cells;
  return {
    title,
    baseline: rows[0].label,
    figures: cells.map(({ contexts }) => ({
      key: `${contexts}`,
      title: contexts === 1 ? "1 context" : `${contexts.toLocaleString("en-US")} contexts`,
      unit,
      better: "less",
    })),
    rows: rows.map(({ label, version }, row) => ({
      label,
      version,
      samples: Object.fromEntries(cells.map(({ contexts, rows }) => [contexts, rows[row].samples[key]])),
    })),
  };
}

function withShares(cells, table) {
  const minShareOf = (row) => Math.min(...cells.flatMap(({ rows }) => rows[row].samples.share));
  return {
    ...table,
    rows: table.rows.map((shown, row) => ({ ...shown, remark: formatShare(minShareOf(row)) })),
  };
}

function formatShare(minPercent) {
  return minPercent === 100 ? "all arrived" : `${Math.floor(minPercent * 10) / 10} % or more arrived`;
}
