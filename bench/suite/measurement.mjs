/**
 * The types of measurements and their results.
 *
 * @typedef {object} Measurement
 * @property {string} id  a word: what `--only` takes
 * @property {string} title
 * @property {string} about  Markdown: what is done, with which settings, and how it is checked at the far end
 * @property {(run: Run) => Promise<Outcome>} run  throws if work did not arrive: a benchmark whose work is lost is none
 *
 * @typedef {object} Run
 * @property {boolean} quick  little work: it is run to see that it works
 * @property {number} rounds  how many samples to take of each subject, in alternating rounds
 * @property {readonly Tree[]} trees  whose code to measure: this checkout's first; with `--against` another
 * @property {string} folder  an empty folder, removed afterwards
 * @property {(text: string) => void} say  a line of progress
 *
 * @typedef {object} Tree  a checkout of this project, installed and built
 * @property {string} name
 * @property {string} root  its folder
 * @property {string} revision
 *
 * @typedef {object} Outcome
 * @property {readonly Table[]} [tables]
 * @property {readonly Plot[]} [plots]
 *
 * @typedef {object} Table
 * @property {string} title
 * @property {string} [note]  Markdown, below the table
 * @property {readonly Figure[]} figures  its columns
 * @property {string} [baseline]  the label of the row that the others are set beside
 * @property {readonly Row[]} rows
 *
 * @typedef {object} Figure
 * @property {string} key
 * @property {string} title
 * @property {string} unit
 * @property {number} [digits]  after the point; 0
 * @property {"less" | "more"} [better]  which way is better; without it no ratio is given
 *
 * @typedef {object} Row
 * @property {string} label
 * @property {string} [version]
 * @property {Readonly<Record<string, readonly number[]>>} samples  by a figure's key, one a round
 * @property {string} [remark]
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} file  such as "growth-redis.svg"
 * @property {Axis} x
 * @property {Axis} y
 * @property {readonly { label: string, points: readonly (readonly [number, number])[] }[]} lines
 *
 * @typedef {{ title: string, log?: boolean }} Axis
 *
 * @typedef {object} Results  what a run of the suite leaves behind as JSON
 * @property {string} date  ISO 8601, the day
 * @property {number} rounds
 * @property {boolean} quick
 * @property {readonly { name: string, revision: string }[]} trees
 * @property {readonly (readonly [string, string])[]} machine  what and its value
 * @property {readonly MeasuredPart[]} measurements
 *
 * @typedef {Required<Outcome> & { id: string, title: string, about: string, seconds: number }} MeasuredPart
 */
export {};
