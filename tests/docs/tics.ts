/** Phrases that read as translated, each with what to write instead. */

/** `prose`: in a comment the phrase may be meant as it is written, such as a place by "where it". */
type Tic = readonly [pattern: RegExp, instead: string, only?: "prose"];

const TICS: readonly Tic[] = [
  [
    /\bwhere (?:it|they|there|that|this|none|nothing|anything|somebody)\b(?! comes? from)/gi,
    "if, when",
    "prose",
  ],
  [/\b(?:throws|rejects|undefined|fails|resolves) where\b/gi, "if"],
  [/\b(?:is|are|was|were|be|been) told\b/gi, "is reported, is returned"],
  [/\btells? (?:the|it|how|what|that|when|why|more|its)\b/gi, "reports, shows", "prose"],
  [/\bof (?:its|their|our|his) own\b/gi, "its own …, separate", "prose"],
  [/\b(?:goes|go) before\b/gi, "takes precedence over"],
  [/\bset(?:s|ting)? aside\b/gi, "reject, dead letter"],
  [/\bput back what\b/gi, "requeue"],
  [/\bfor ever\b/gi, "forever"],
  [/\banew\b/gi, "again"],
  [/\bat once\b/gi, "immediately, at the same time", "prose"],
  [/\b(?:comes?|came|coming) into force\b|\bin force\b/gi, "is applied, current"],
  [/\bwhoever\b|\bwhom\b|\bbe it that\b/gi, "rewrite the sentence"],
  [/\b(?:speaks?|spoke|speaking) of\b/gi, "describes, is about"],
  [/\b(?:lies|lie|lay) (?:in|on|beside|there|at)\b/gi, "is, are"],
  [/\bwhat there is\b|\bthat there (?:is|are)\b/gi, "rewrite the sentence", "prose"],
  [/\bunless (?:given|set)\b/gi, "by default"],
  [/\bas with\b.*\bsaid\b|\bis said\b|\bsays? of itself\b/gi, "is logged, reports", "prose"],
  [/\bby (?:now|then) or never\b/gi, "rewrite the sentence", "prose"],
  [/\bended with code\b/gi, "exited with code"],
  [/\b(?:put off|worked off)\b/gi, "deferred, processed"],
  [/\bis no setting\b|\bno settings of\b/gi, "unknown setting"],
  [/\btakes? no notice\b/gi, "ignores"],
];

/** Every phrase of a text that is in the table, with its line and what to write instead. */
export function ticsIn(name: string, text: string): readonly string[] {
  return found(TICS, name, text);
}

/** The same for comments. */
export function ticsInComments(name: string, comments: string): readonly string[] {
  return found(
    TICS.filter(([, , only]) => only === undefined),
    name,
    comments,
  );
}

function found(tics: readonly Tic[], name: string, text: string): readonly string[] {
  return tics.flatMap(([pattern, instead]) =>
    [...text.matchAll(pattern)].map(({ 0: phrase, index }) => {
      const line = text.slice(0, index).split("\n").length;
      return `${name}:${line}: "${phrase}" → ${instead}`;
    }),
  );
}

const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The string literals of a source, in their lines; everything else is blank. */
export function stringsOf(source: string): string {
  return tokensOf(source, (token) => !token.startsWith("/"));
}

/** Likewise its comments. */
export function commentsOf(source: string): string {
  return tokensOf(source, (token) => token.startsWith("/"));
}

function tokensOf(source: string, isWanted: (token: string) => boolean): string {
  let wanted = "";
  let end = 0;
  for (const { 0: token, index } of source.matchAll(TOKENS)) {
    wanted += blank(source.slice(end, index)) + (isWanted(token) ? token : blank(token));
    end = index + token.length;
  }
  return wanted + blank(source.slice(end));
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
