/** Reading an HTTP answer whole, but not more of it than is sensible. */
import type { IncomingMessage } from "node:http";

/**
 * The answer's body as text.
 *
 * @param most bytes; a longer answer is broken off
 * @throws if the connection breaks, or the answer is too long
 */
export async function readBody(response: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > most) {
      response.destroy();
      throw new Error(`the answer is over ${most} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
