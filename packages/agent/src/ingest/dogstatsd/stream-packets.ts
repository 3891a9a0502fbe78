/**
 * Packets out of a stream, in either of two forms: a length in four bytes, the lowest first, and so many bytes, as
 * Datadog's clients write them to a Unix stream socket; or lines.
 *
 * Promises: no more than one packet is held. A packet over the limit, or a length that can't be one, ends the stream.
 */

/** What ends a stream: what comes after can't be distinguished. */
class PacketTooLongError extends Error {
  override readonly name = "PacketTooLongError";
}

/** Takes the next bytes of a stream. @throws PacketTooLongError */
export type TakeBytes = (bytes: Buffer) => void;

/** Datadog's clients send 8,192; no datagram is longer. */
export const MAX_PACKET_BYTES = 65_536;
const PREFIX_BYTES = 4;
const NEWLINE = 10;
const NOTHING = Buffer.alloc(0);

export function lengthPrefixed(receive: (packet: Buffer) => void): TakeBytes {
  let rest: Buffer = NOTHING;
  return (bytes) => {
    let open = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (open.length >= PREFIX_BYTES) {
      const length = open.readUInt32LE(0);
      if (length > MAX_PACKET_BYTES) throw new PacketTooLongError(`a packet of ${length} bytes`);
      const end = PREFIX_BYTES + length;
      if (open.length < end) break;
      if (length > 0) receive(open.subarray(PREFIX_BYTES, end));
      open = open.subarray(end);
    }
    // A copy: what is left must not keep all of what was read.
    rest = Buffer.from(open);
  };
}

/** What the stream ends with needs no line end: call the second function then. */
export function lines(receive: (packet: Buffer) => void): { readonly take: TakeBytes; end(): void } {
  let rest: Buffer = NOTHING;
  return {
    take: (bytes) => {
      const open = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      const end = open.lastIndexOf(NEWLINE) + 1;
      if (open.length - end > MAX_PACKET_BYTES)
        throw new PacketTooLongError(`a line of more than ${MAX_PACKET_BYTES} bytes`);
      if (end > 0) receive(open.subarray(0, end));
      rest = Buffer.from(open.subarray(end));
    },
    end: () => {
      if (rest.length > 0) receive(rest);
      rest = NOTHING;
    },
  };
}
