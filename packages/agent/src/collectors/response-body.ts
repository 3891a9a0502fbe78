/** Reads the body of an HTTP response, up to a limit. */
import type { IncomingMessage } from "node:http";

/**
 * The body as text. Rejects if the connection breaks or the body is too long.
 *
 * @param maxBytes the connection of a longer response is closed
 */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > maxBytes) {
      response.destroy();
      throw new Error(`the response is over ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
