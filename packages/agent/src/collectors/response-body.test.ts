import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { readBody } from "./response-body.js";

let close = () => {};
afterEach(() => close());

/** The answer of a server that does this. */
function ask(answer: (response: ServerResponse) => void): Promise<IncomingMessage> {
  const server = createServer((_, response) => answer(response));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return new Promise((resolve, reject) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      get({ port, host: "127.0.0.1" }, resolve).on("error", reject);
    });
  });
}

describe("the body of an answer", () => {
  it("is its text, whatever pieces it came in", async () => {
    const response = await ask((sent) => {
      const bytes = Buffer.from("träge");
      sent.write(bytes.subarray(0, 3));
      setImmediate(() => sent.end(bytes.subarray(3)));
    });
    expect(await readBody(response, 6)).toBe("träge");
  });

  it("is broken off where it is too long, even without an end", async () => {
    const response = await ask((sent) => {
      const write = () => {
        if (!sent.destroyed) sent.write("x".repeat(1_000), write);
      };
      write();
    });
    await expect(readBody(response, 10_000)).rejects.toThrow("the response is over 10000 bytes");
    expect(response.destroyed).toBe(true);
  });

  it("is an error where the connection breaks", async () => {
    const response = await ask((sent) => {
      sent.writeHead(200, { "content-length": "10" });
      sent.write("half", () => sent.destroy());
    });
    await expect(readBody(response, 10_000)).rejects.toThrow("aborted");
  });
});
