/**
 * Redaction: keeps secrets out of logs, errors, the status and dead letters. Every text that contains a URL or another
 * host's response goes through here.
 *
 * Promises: the result contains none of the given secrets, and no user or password of a URL. Other forms of a secret,
 * such as reversed or encrypted, are not recognised.
 */
import { basicCredentials, loginOf } from "./url-login.js";

const HIDDEN = "(hidden)";

/** Hides user and password in every URL, with or without a scheme. */
export function withoutUserinfo(text: string): string {
  // Up to the last @ before the path: a password may contain an unescaped one.
  return text.replace(/(^|:\/\/)[^\s/?#"'<>]*@/g, `$1${HIDDEN}@`);
}

/** Hides these secrets, and user and password of URLs. Empty secrets are ignored. */
export function redact(text: string, secrets: readonly string[]): string {
  // Longest first: one may be part of another.
  const present = secrets.filter((secret) => secret !== "").sort((a, b) => b.length - a.length);
  const hidden = present.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text);
  return withoutUserinfo(hidden);
}

/** The secrets of a URL in every form that a response may repeat: as written, decoded, and as Basic authentication. */
export function urlSecrets(url: URL): readonly string[] {
  const login = loginOf(url);
  if (login === undefined) return [];
  return [url.username, url.password, login.username, login.password, basicCredentials(login)];
}
