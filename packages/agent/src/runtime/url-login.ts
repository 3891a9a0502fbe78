/** User and password of a URL. */

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Decoded; undefined without either. */
export function loginOf({ username, password }: Pick<URL, "username" | "password">): Login | undefined {
  if (username === "" && password === "") return undefined;
  return { username: decode(username), password: decode(password) };
}

/** As in HTTP's Basic authentication. */
export function basicCredentials({ username, password }: Login): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** A percent sign without an escape stands for itself, as with curl: passwords have them. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
