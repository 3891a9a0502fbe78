/**
 * Redaction: what keeps secrets out of logs, errors, the status and dead letters. Whatever shows a URL or repeats what
 * another host answered goes through here.
 *
 * Promises: a secret that it is given, and the user and password of any URL, are not in the text that it returns.
 * It can't know other forms of a secret, such as one that is reversed or encrypted.
 */

const HIDDEN = "(hidden)";

/** The text without the user and password of the URLs in it, or of a URL whose scheme is missing. */
export function withoutUserinfo(text: string): string {
  // Up to the last @ before the path: a password may contain one that isn't escaped.
  return text.replace(/(^|:\/\/)[^\s/?#"'<>]*@/g, `$1${HIDDEN}@`);
}

/** The text without these secrets and without the user and password of URLs. Empty secrets are ignored. */
export function redact(text: string, secrets: readonly string[]): string {
  // The longest first: one may be a part of another.
  const present = secrets.filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
  const hidden = present.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text);
  return withoutUserinfo(hidden);
}

/** What of a URL is secret, in each form in which it may come back: as written, decoded, and as HTTP sends it. */
export function urlSecrets({ username, password }: URL): readonly string[] {
  if (username === "" && password === "") return [];
  const decoded = [username, password].map(decode);
  const basic = Buffer.from(decoded.join(":")).toString("base64");
  return [username, password, ...decoded, basic];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that escapes nothing: Node sends the text as it is.
    return text;
  }
}
