/** Phrases that read as translated, each with what to write instead. */

export const TICS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bwhere (?:it|they|there|that|this|none|nothing|anything|somebody)\b(?! comes? from)/gi, "if, when"],
  [/\b(?:is|are|was|were|be|been) told\b/gi, "is reported, is returned"],
  [/\btells? (?:the|it|how|what|that|when|why|more|its)\b/gi, "reports, shows"],
  [/\bof (?:its|their|our|his) own\b/gi, "its own …, separate"],
  [/\b(?:goes|go) before\b/gi, "takes precedence over"],
  [/\bset(?:s|ting)? aside\b/gi, "reject, dead letter"],
  [/\bput back what\b/gi, "requeue"],
  [/\bfor ever\b/gi, "forever"],
  [/\banew\b/gi, "again"],
  [/\bat once\b/gi, "immediately, at the same time"],
  [/\b(?:comes?|came|coming) into force\b|\bin force\b/gi, "is applied, current"],
  [/\bwhoever\b|\bwhom\b|\bbe it that\b/gi, "rewrite the sentence"],
  [/\b(?:speaks?|spoke|speaking) of\b/gi, "describes, is about"],
  [/\b(?:lies|lie|lay) (?:in|on|beside|there|at)\b/gi, "is, are"],
  [/\bwhat there is\b|\bthat there (?:is|are)\b/gi, "rewrite the sentence"],
  [/\bunless (?:given|set)\b/gi, "by default"],
  [/\bas with\b.*\bsaid\b|\bis said\b|\bsays? of itself\b/gi, "is logged, reports"],
  [/\bby (?:now|then) or never\b/gi, "rewrite the sentence"],
  [/\bended with code\b/gi, "exited with code"],
  [/\b(?:put off|worked off)\b/gi, "deferred, processed"],
  [/\bis no setting\b|\bno settings of\b/gi, "unknown setting"],
  [/\btakes? no notice\b/gi, "ignores"],
];

/** Every phrase of a text that is in the table, with its line and what to write instead. */
export function ticsIn(name: string, text: string): readonly string[] {
  return TICS.flatMap(([pattern, instead]) =>
    [...text.matchAll(pattern)].map(({ 0: phrase, index }) => {
      const line = text.slice(0, index).split("\n").length;
      return `${name}:${line}: "${phrase}" → ${instead}`;
    }),
  );
}

const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The string literals of a source, in their lines; everything else is blank. */
export function stringsOf(source: string): string {
  let strings = "";
  let end = 0;
  for (const { 0: token, index } of source.matchAll(TOKENS)) {
    const isString = !token.startsWith("/");
    strings += blank(source.slice(end, index)) + (isString ? token : blank(token));
    end = index + token.length;
  }
  return strings + blank(source.slice(end));
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
