import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WireMeter } from "./wire-meter.js";

const server = createServer((socket) => socket.on("data", (bytes) => socket.write(bytes.subarray(0, 3))));
const destination = "api.example.com";
beforeAll(async () => void (await once(server.listen(0, "127.0.0.1"), "listening")));
afterAll(() => void server.close());

/** A connection over which so many bytes were sent, of which three came back. */
async function used(meter: WireMeter, length: number) {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  meter.track(socket, destination);
  socket.write(Buffer.alloc(length));
  await once(socket, "data");
  return socket;
}

it("bytes are counted once, also of a connection that was closed before anybody asked", async () => {
  const meter = new WireMeter();
  meter.begin(destination, "metrics");
  const closed = await used(meter, 100);
  closed.destroy();
  await once(closed, "close");
  const open = await used(meter, 20);
  expect(meter.take()).toEqual(new Map([[`${destination} metrics`, { sent: 120, received: 6 }]]));
  expect(meter.take()).toEqual(new Map());
  open.destroy();
});

it("bytes belong to the request that was begun last", async () => {
  const meter = new WireMeter();
  meter.begin(destination, "validation");
  const socket = await used(meter, 50);
  meter.begin(destination, "logs");
  socket.write(Buffer.alloc(7));
  await once(socket, "data");
  expect(meter.take()).toEqual(
    new Map([
      [`${destination} validation`, { sent: 50, received: 3 }],
      [`${destination} logs`, { sent: 7, received: 3 }],
    ]),
  );
  socket.destroy();
});
