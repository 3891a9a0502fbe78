import fc from "fast-check";
import { expect, test } from "vitest";
import { ErrorReply, encodeCommands, type Reply, ReplyReader } from "./resp.js";

function encode(reply: Reply): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (typeof reply === "string") return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (reply instanceof ErrorReply) return `-${reply.message}\r\n`;
  return `*${reply.length}\r\n${reply.map(encode).join("")}`;
}

const scalar = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.integer(),
  fc.constant(null),
  fc.constant(new ErrorReply("OOM command not allowed")),
);
const replies = fc.array(fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.array(scalar)))), { maxLength: 5 });

test("replies are read as they were written, however the bytes are cut", () => {
  fc.assert(
    fc.property(replies, fc.array(fc.nat(40), { maxLength: 30 }), (given, cuts) => {
      const bytes = Buffer.from(given.map(encode).join(""));
      const reader = new ReplyReader();
      const read: Reply[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        read.push(...reader.read(bytes.subarray(at, at + cut)));
        at = Math.min(bytes.length, at + cut);
      }
      expect(read).toEqual(given);
    }),
  );
});

test("whatever the bytes are, they are read or refused, and little is kept", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) => {
      const reader = new ReplyReader();
      try {
        for (const chunk of chunks) reader.read(Buffer.from(chunk));
      } catch (error) {
        expect(String(error)).toMatch(/answer/);
      }
    }),
  );
});

test("lengths without end, nesting without end and lines without end are refused", () => {
  const refused = (text: string) => () => new ReplyReader().read(Buffer.from(text));
  expect(refused("$99999999999\r\n")).toThrow(/no sense/);
  expect(refused("*-7\r\n")).toThrow(/no sense/);
  expect(refused("*1\r\n".repeat(100_000))).toThrow(/no sense/);
  expect(refused("x".repeat(2_000_000))).toThrow(/too long/);
  expect(refused("HTTP/1.1 400 Bad Request\r\n")).toThrow(/no sense/);
});

test("a command's lengths are those of its bytes, whatever its text", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("\u00e9"));
  fc.assert(
    fc.property(fc.array(fc.array(text, { minLength: 1 }), { minLength: 1 }), (commands) => {
      const encoded = encodeCommands(commands);
      const bytes = Buffer.from(encoded.text, encoded.encoding);
      const sent = commands.map((args) => args.map((arg) => Buffer.from(arg).toString()));
      expect(new ReplyReader().read(bytes)).toEqual(sent);
    }),
  );
  expect(encodeCommands([["SET", "ключ", ""]]).text).toBe("*3\r\n$3\r\nSET\r\n$8\r\nключ\r\n$0\r\n\r\n");
});
