import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Parsed, type RequestLimits, RequestParser } from "./request-parser.js";

const LIMITS: RequestLimits = { requestBytes: 10_000, arguments: 20, argumentBytes: 1_000 };

/** All that the parser says of these chunks, up to where it waits or stops. */
function parse(chunks: readonly Uint8Array[], limits = LIMITS): { args: string[][]; last: Parsed } {
  const parser = new RequestParser(limits);
  const args: string[][] = [];
  let last: Parsed = { kind: "waiting" };
  for (const chunk of chunks) {
    parser.push(Buffer.from(chunk));
    for (last = parser.next(); last.kind === "request"; last = parser.next()) args.push([...last.args]);
  }
  return { args, last };
}

function parseText(text: string, limits = LIMITS) {
  return parse([Buffer.from(text)], limits);
}

function request(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`;
}

/** Cuts the bytes at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const args = fc.array(fc.string({ unit: "grapheme", maxLength: 30 }), { minLength: 1, maxLength: 8 });
const inlineArgs = fc.array(fc.stringMatching(/^[A-Za-z0-9:.]{1,10}$/), { minLength: 1, maxLength: 5 });
const places = fc.array(fc.nat(5_000), { maxLength: 30 });

describe("the requests", () => {
  it("are the same however the bytes are cut", () => {
    const written = fc.oneof(
      args.map((args) => ({ args, text: request(args) })),
      inlineArgs.map((args) => ({ args, text: `${args.join(" ")}\r\n` })),
    );
    fc.assert(
      fc.property(fc.array(written, { maxLength: 8 }), places, (requests, places) => {
        const bytes = Buffer.from(requests.map(({ text }) => text).join(""));
        expect(parse(cut(bytes, places))).toEqual({
          args: requests.map(({ args }) => args),
          last: { kind: "waiting" },
        });
      }),
    );
  });

  it("come with the bytes that they took", () => {
    const parser = new RequestParser(LIMITS);
    const text = request(["ECHO", "é"]);
    parser.push(Buffer.from(`\r\n${text}PING\r\n`));
    expect(parser.next()).toEqual({ kind: "request", args: ["ECHO", "é"], bytes: Buffer.byteLength(text) });
    expect(parser.next()).toEqual({ kind: "request", args: ["PING"], bytes: 6 });
  });

  it("skip empty lines and empty arrays, as Redis does", () => {
    expect(parseText("\r\n\n*0\r\n*-1\r\nPING\n").args).toEqual([["PING"]]);
  });

  it("may hold empty arguments, line ends and bytes that aren't UTF-8", () => {
    expect(parse([Buffer.from("*2\r\n$0\r\n\r\n$4\r\n\r\n\xff$\r\n", "latin1")]).args).toEqual([
      ["", "\udc00\r\n\xff$"],
    ]);
  });
});

describe("rubbish", () => {
  it("never throws, and ends in waiting or a fault whatever its cut", () => {
    const nearly = fc
      .array(fc.constantFrom("*", "$", "-", "1", "2", "9", "\r\n", "\r", "\n", "PING", " ", "\0", "'"))
      .map((parts) => Buffer.from(parts.join("")));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
      nearly,
    );
    fc.assert(
      fc.property(bytes, places, (bytes, places) => {
        const whole = parse([bytes]);
        expect(whole.last.kind).toMatch(/^(waiting|fault)$/);
        expect(parse(cut(bytes, places))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it("is a fault for good", () => {
    const parser = new RequestParser(LIMITS);
    parser.push(Buffer.from("*x\r\n"));
    expect(parser.next().kind).toBe("fault");
    parser.push(Buffer.from("PING\r\n"));
    expect(parser.next().kind).toBe("fault");
  });
});

describe("a fault", () => {
  const cases: readonly (readonly [what: string, text: string])[] = [
    ["a count that is no number", "*a\r\n"],
    ["a count over the limit", "*21\r\n"],
    ["a count with something after a minus", "*-\r\n"],
    ["a line that ends with CR alone", "*1\rx"],
    ["an argument that ends with CR alone", "*1\r\n$1\r\na\rx"],
    ["an argument that ends with LF alone", "*1\r\n$1\r\na\n\n"],
    ["a character before the digits", "*1\r\n$/\r\n"],
    ["a character after the digits", "*1\r\n$:\r\n"],
    ["a count without an end", "*00000000000000000001"],
    ["an argument that is no bulk string", "*1\r\n:1\r\n"],
    ["a negative length", "*1\r\n$-1\r\n"],
    ["a length over the limit", "*1\r\n$1001\r\n"],
    ["a length without digits", "*1\r\n$\r\n"],
    ["an argument longer than its length", "*1\r\n$1\r\nabc"],
    ["an inline request without an end", "x".repeat(5_000)],
    ["an inline request with a quote that isn't closed", 'ECHO "a b\r\n'],
    ["an inline request with something after a quote", "ECHO 'a'b\r\n"],
    ["an inline request of too many arguments", `${"x ".repeat(21)}\r\n`],
  ];

  it.each(cases)("is %s", (_what, text) => {
    expect(parseText(text).last.kind).toBe("fault");
  });

  it("is a request over the limit, before its bytes have come", () => {
    const limits = { ...LIMITS, requestBytes: 100 };
    expect(parseText(request(["x".repeat(40), "y".repeat(40)]), limits).args).toHaveLength(1);
    expect(parseText(`*3\r\n$40\r\n${"x".repeat(40)}\r\n$60\r\n`, limits).last.kind).toBe("fault");
  });
});

describe("what isn't whole", () => {
  it.each(["*", "*2", "*2\r", "*2\r\n", "*2\r\n$4\r\nECHO\r\n$5\r\nabc", "PIN"])("waits: %j", (text) => {
    expect(parseText(text)).toEqual({ args: [], last: { kind: "waiting" } });
  });

  it("goes by the limits that are in force at the next header", () => {
    const parser = new RequestParser({ ...LIMITS, argumentBytes: 4 });
    parser.push(Buffer.from(request(["AUTH"]) + request(["ABCDE"])));
    expect(parser.next().kind).toBe("request");
    parser.limits = LIMITS;
    expect(parser.next().kind).toBe("request");
  });
});

describe("a limit", () => {
  const accepted = (text: string, limits: Partial<RequestLimits>) => {
    const { args, last } = parseText(text, { ...LIMITS, ...limits });
    return last.kind === "fault" ? last.reason : args.length;
  };

  it.each<readonly [string, Partial<RequestLimits>, within: string, beyond: string]>([
    ["of arguments", { arguments: 3 }, request(["a", "b", "c"]), request(["a", "b", "c", "d"])],
    ["of arguments in a line", { arguments: 3 }, "a b c\n", "a b c d\n"],
    ["of an argument's bytes", { argumentBytes: 5 }, request(["a", "éabc"]), request(["a", "éabcd"])],
    // With headers, but without the line end of the last argument.
    ["of a request's bytes", { requestBytes: 20 }, request(["ab", "cdef"]), request(["ab", "cdefg"])],
    ["of a line", {}, `${"x".repeat(4_096)}\n`, `${"x".repeat(4_097)}\n`],
    ["of a header", {}, `*${"0".repeat(12)}1\r\n$1\r\na\r\n`, `*${"0".repeat(15)}1\r\n$1\r\na\r\n`],
  ])("is exact: %s", (_what, limits, within, beyond) => {
    expect(accepted(within, limits)).toBe(1);
    expect(accepted(beyond, limits)).toMatch(/^(too|invalid)/);
    // A request doesn't count for the next one, nor do lines and arrays without arguments.
    expect(accepted(`\n*0\r\n${within}*-1\r\n\r\n${within}${within}`, limits)).toBe(3);
  });
});

describe("the memory of an incomplete request", () => {
  it("is between its received bytes and about twice of them, and nothing between two requests", () => {
    const limits = { requestBytes: 1_000_000, arguments: 2_000, argumentBytes: 100_000 };
    const requests = fc.array(fc.array(fc.nat(3_000), { minLength: 1, maxLength: 30 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        requests,
        fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1 }),
        (requests, sizes) => {
          const texts = requests.map((lengths) => request(lengths.map((length) => "x".repeat(length))));
          const bytes = Buffer.from(texts.join(""));
          const parser = new RequestParser(limits);
          let pending = 0;
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const chunk = Buffer.from(bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1)));
            at += chunk.length;
            pending += chunk.length;
            parser.push(chunk);
            for (let parsed = parser.next(); parsed.kind !== "waiting"; parsed = parser.next()) {
              if (parsed.kind === "fault") expect.unreachable(parsed.reason);
              else pending -= parsed.bytes;
            }
            expect(parser.heldBytes).toBeGreaterThanOrEqual(pending);
            expect(parser.heldBytes).toBeLessThanOrEqual(2 * pending + 30 * 100 + 4_096 + 256);
            if (pending === 0) expect(parser.heldBytes).toBe(0);
          }
          expect(pending).toBe(0);
        },
      ),
    );
  });

  it("is moved only a few times, however small the chunks are", () => {
    const parser = new RequestParser({ ...LIMITS, requestBytes: 1_000_000, argumentBytes: 1_000_000 });
    parser.push(Buffer.from("*1\r\n$100000\r\n"));
    const sizes = new Set<number>();
    for (let count = 0; count < 20_000; count++) {
      parser.push(Buffer.from("x"));
      parser.next();
      sizes.add(parser.heldBytes);
    }
    expect(sizes.size).toBeLessThan(30);
  });

  it("counts what an argument takes besides its bytes", () => {
    const parser = new RequestParser({ ...LIMITS, arguments: 1_000 });
    parser.push(Buffer.from(`*1000\r\n${"$0\r\n\r\n".repeat(999)}`));
    expect(parser.next().kind).toBe("waiting");
    expect(parser.heldBytes).toBeGreaterThan(999 * (6 + 50));
  });

  it("isn't the chunk in which it came after many others", () => {
    const parser = new RequestParser(LIMITS);
    parser.push(Buffer.from(`${"PING\r\n".repeat(100_000)}*1\r\n$1000\r\nabc`));
    for (let parsed = parser.next(); parsed.kind === "request"; ) parsed = parser.next();
    expect(parser.heldBytes).toBeLessThan(1_000);
    parser.push(Buffer.from(`${"x".repeat(997)}\r\n`));
    expect(parser.next()).toMatchObject({ kind: "request", args: [`abc${"x".repeat(997)}`] });
  });

  it("is nothing after a fault, whatever comes, and after clear, which makes room for another request", () => {
    const parser = new RequestParser(LIMITS);
    for (const part of ["*2\r\n", "*2\r\n$4\r\nPI", "*2\r\n$1\r\na\r\n$5\r\nb", "PIN"]) {
      parser.push(Buffer.from(part));
      expect(parser.next().kind).toBe("waiting");
      expect(parser.heldBytes).toBeGreaterThan(0);
      parser.clear();
      expect(parser.heldBytes).toBe(0);
      parser.push(Buffer.from(request(["PING"])));
      expect(parser.next()).toEqual({ kind: "request", args: ["PING"], bytes: 14 });
    }
    parser.push(Buffer.from("*1\r\n$x\r\n"));
    expect(parser.next().kind).toBe("fault");
    parser.push(Buffer.from("x".repeat(1_000)));
    expect([parser.next().kind, parser.heldBytes]).toEqual(["fault", 0]);
  });
});
