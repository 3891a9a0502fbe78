/**
 * Splits a stream into packets, in one of two forms: a length in four bytes (little-endian) followed by the packet, as Datadog's
 * clients write it to a Unix stream socket; or lines.
 *
 * Promises: at most one packet is in memory. A packet or length over the limit ends the stream.
 */

/** Ends a stream: the next packet can't be found. */
class PacketTooLongError extends Error {
  override readonly name = "PacketTooLongError";
}

/** Processes the next bytes of a stream. @throws PacketTooLongError */
type TakeBytes = (bytes: Buffer) => void;

/** Datadog's clients send 8,192 bytes; no datagram is longer than this. */
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
    // A copy: a slice would keep the whole buffer in memory.
    rest = Buffer.from(open);
  };
}

/** Call `end` at the end of the stream: its last line needs no line break. */
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
