import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { brokenBy, growBuffer } from "./sockets.js";

it("a socket's error needn't be handled, however many there are, and the first is kept", async () => {
  const socket = new EventEmitter();
  const broken = brokenBy(socket);
  socket.emit("error", new Error("the first"));
  socket.emit("error", new Error("another"));
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
  await expect(broken).rejects.toThrow("the first");
});

it("a socket keeps its buffer if the system refuses a larger one", () => {
  let asked = 0;
  growBuffer({
    setRecvBufferSize: (bytes) => {
      asked = bytes;
      throw new Error("EINVAL");
    },
  });
  expect(asked).toBe(4 * 1024 * 1024);
});
