/**
 * Splits an inline request: a line of arguments separated by spaces, as typed by a person.
 *
 * The rules are those of redis-cli and Redis. In "double quotes" there are the escapes `\n`, `\r`, `\t`, `\b`, `\a` and
 * `\xHH`, and a backslash before any other character gives that character; in 'single quotes' there is only `\'`. A closing
 * quote must be followed by a space or the end of the line.
 */

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\x07" };
/** Only ASCII: other bytes may be parts of a character. */
const SPACE = /[ \t\n\v\f\r]/;
/** The pieces of an argument: quoted in either way, or bare. */
const DOUBLE_QUOTED = /"((?:\\[\s\S]|[^"\\])*)"/y;
const SINGLE_QUOTED = /'((?:\\'|[^'])*)'/y;
const BARE = /[^ \t\n\v\f\r"']+/y;

/**
 * @param line one character per byte
 * @returns the arguments, likewise; undefined if a quote isn't closed, or a closing one isn't followed by a space
 */
export function splitInline(line: string): string[] | undefined {
  const args: string[] = [];
  let at = 0;
  for (;;) {
    while (SPACE.test(line[at] ?? "")) at++;
    if (at >= line.length) return args;
    let arg = "";
    let isClosed = false;
    while (at < line.length && !SPACE.test(line[at] ?? "")) {
      if (isClosed) return undefined;
      const piece = pieceAt(line, at);
      if (piece === undefined) return undefined;
      arg += piece.text;
      at = piece.end;
      isClosed = piece.isQuoted;
    }
    args.push(arg);
  }
}

interface Piece {
  readonly text: string;
  readonly end: number;
  readonly isQuoted: boolean;
}

function pieceAt(line: string, at: number): Piece | undefined {
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(line);
  };
  const bare = match(BARE);
  if (bare !== null) return { text: bare[0], end: BARE.lastIndex, isQuoted: false };
  const double = match(DOUBLE_QUOTED);
  if (double !== null)
    return { text: unescaped(double[1] ?? ""), end: DOUBLE_QUOTED.lastIndex, isQuoted: true };
  const single = match(SINGLE_QUOTED);
  if (single === null) return undefined;
  return { text: (single[1] ?? "").replaceAll("\\'", "'"), end: SINGLE_QUOTED.lastIndex, isQuoted: true };
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, character: string) =>
    hex === undefined ? (ESCAPES[character] ?? character) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
