/**
 * A disk in memory whose power can be cut: unflushed writes are then there in part, in any order, torn at sectors.
 *
 * A new or removed name is certain once its folder is flushed. A power cut happens before an operation: that one and
 * all later ones never end.
 */
import { basename, dirname } from "node:path";
import type { FileSystem, StoreFile } from "../../packages/queue/src/embedded/files.js";
import type { Random } from "./random.js";

const SECTOR = 512;

interface Write {
  /** Rises with every write to the disk. */
  readonly serial: number;
  readonly position: number;
  /** Undefined for a truncation to the position. */
  readonly bytes: Buffer | undefined;
}

interface Content {
  readonly firstSerial: number;
  now: Buffer;
  durable: Buffer;
  /** Since the last flush. */
  pending: Write[];
  /** Those that a flush is under way for. */
  flushing: Write[];
}

export class PowerDisk implements FileSystem {
  readonly #names: Map<string, Content>;
  /** As they are after the last flush of the folder. */
  #durableNames: Map<string, Content>;
  #operationsLeft = Number.POSITIVE_INFINITY;
  #isCut = false;
  /** Number of flushes that fail and drop their data, as on Linux: later ones don't write it either. */
  failingFlushes = 0;
  /** Of the last write. */
  serial = 0;
  /** Resolves when the power is cut. */
  readonly cut: Promise<void>;
  #resolveCut = () => {};

  constructor(names: ReadonlyMap<string, Buffer> = new Map()) {
    const contents = [...names].map(([name, bytes]): [string, Content] => [
      name,
      { firstSerial: 0, now: bytes, durable: Buffer.from(bytes), pending: [], flushing: [] },
    ]);
    this.#names = new Map(contents);
    this.#durableNames = new Map(contents);
    this.cut = new Promise((resolve) => {
      this.#resolveCut = resolve;
    });
  }

  cutAfter(operations: number): void {
    this.#operationsLeft = operations;
  }

  /** The writes up to this serial are certain. */
  flushedThrough(): number {
    // The reserve has nothing to lose, and a run counts once the journal names it.
    const journal = [...this.#names].filter(([name]) => basename(name).startsWith("journal-"));
    if (journal.length === 0) return 0;
    const uncertain = journal.flatMap(([name, { pending, flushing, firstSerial }]) =>
      this.#durableNames.has(name) ? [...flushing, ...pending].map(({ serial }) => serial) : firstSerial,
    );
    return Math.min(this.serial, ...uncertain.map((serial) => serial - 1));
  }

  /** The content of the disk after the power cut. */
  afterCut(random: Random): PowerDisk {
    const left = new Map<string, Buffer>();
    for (const name of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      const content = this.#durableNames.get(name);
      const now = this.#names.get(name);
      const kept = content === now || random() < 0.5 ? content : now;
      if (kept !== undefined) left.set(name, partOf(kept, random));
    }
    return new PowerDisk(left);
  }

  files(): ReadonlyMap<string, Buffer> {
    return new Map([...this.#names].map(([name, { now }]) => [name, now]));
  }

  lock = async () => ({ release: async () => {} });
  makeFolder = async () => {};
  list = async (folder: string) =>
    [...this.#names.keys()].filter((name) => dirname(name) === folder).map((name) => basename(name));
  space = () => ({ total: 2 ** 20, free: 2 ** 19 });

  create(path: string): StoreFile {
    this.#step();
    const content = {
      firstSerial: this.serial + 1,
      now: Buffer.alloc(0),
      durable: Buffer.alloc(0),
      pending: [],
      flushing: [],
    };
    this.#names.set(path, content);
    return this.#open(content);
  }

  openForReading(path: string): StoreFile {
    return this.#open(this.#content(path));
  }

  async readWhole(path: string): Promise<Buffer> {
    return Buffer.from(this.#content(path).now);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation();
    this.#names.set(to, this.#content(from));
    this.#names.delete(from);
    this.#durableNames = new Map(this.#names);
  }

  async remove(path: string): Promise<void> {
    await this.#operation();
    for (const name of this.#names.keys()) {
      if (name === path || name.startsWith(`${path}/`)) this.#names.delete(name);
    }
  }

  async shorten(path: string, bytes: number): Promise<void> {
    await this.#operation();
    const content = this.#content(path);
    content.now = Buffer.from(content.now.subarray(0, bytes));
    content.durable = Buffer.from(content.now);
  }

  async syncFolder(): Promise<void> {
    await this.#operation();
    this.#durableNames = new Map(this.#names);
  }

  #content(path: string): Content {
    const content = this.#names.get(path);
    if (content === undefined) throw new Error(`ENOENT ${path}`);
    return content;
  }

  #open(content: Content): StoreFile {
    const write = (bytes: Buffer, position: number) => {
      this.#add(content, position, Buffer.from(bytes));
    };
    return {
      writeNow: (bytes, position) => {
        this.#step();
        write(bytes, position);
      },
      write: async (bytes, position) => {
        await this.#operation();
        write(bytes, position);
      },
      read: async (buffer, position) => {
        await this.#operation();
        return content.now.copy(buffer, 0, position);
      },
      sync: async () => {
        content.flushing = content.pending;
        content.pending = [];
        await this.#operation();
        if (this.failingFlushes > 0) {
          this.failingFlushes -= 1;
          content.flushing = [];
          throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
        }
        for (const one of content.flushing) content.durable = applied(content.durable, one);
        content.flushing = [];
      },
      truncate: (length) => {
        this.#step();
        this.#add(content, length, undefined);
      },
      size: () => content.now.length,
      close: () => {},
    };
  }

  #add(content: Content, position: number, bytes: Buffer | undefined): void {
    this.serial += 1;
    const write = { serial: this.serial, position, bytes };
    content.pending.push(write);
    content.now = applied(content.now, write);
  }

  /** One that takes a moment. */
  async #operation(): Promise<void> {
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    try {
      this.#step();
    } catch {
      await new Promise(() => {});
    }
  }

  /** A synchronous operation. */
  #step(): void {
    this.#operationsLeft -= 1;
    if (this.#operationsLeft > 0 && !this.#isCut) return;
    this.#isCut = true;
    this.#resolveCut();
    throw new Error("the power is cut");
  }
}

function applied(content: Buffer, { position, bytes }: Omit<Write, "serial">): Buffer {
  if (bytes === undefined) return Buffer.from(content.subarray(0, position));
  let larger = content;
  if (position + bytes.length > content.length) {
    larger = Buffer.alloc(position + bytes.length);
    content.copy(larger);
  }
  bytes.copy(larger, position);
  return larger;
}

/** What was flushed, and of the rest each sector or not. */
function partOf({ durable, pending, flushing }: Content, random: Random): Buffer {
  const share = [0, 0.5, 0.9, 1][Math.floor(random() * 4)] ?? 1;
  let left: Buffer = Buffer.from(durable);
  for (const { position, bytes } of [...flushing, ...pending]) {
    if (bytes === undefined) {
      if (random() < share) left = applied(left, { position, bytes });
      continue;
    }
    let kept = 0;
    const sectors = Buffer.alloc(bytes.length);
    // What lies there is overwritten by sectors that are kept alone.
    if (position < left.length) left.copy(sectors, 0, position);
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, SECTOR - ((position + at) % SECTOR));
      if (random() < share) {
        bytes.copy(sectors, at, at, at + length);
        kept = at + length;
      }
      at += length;
    }
    left = applied(left, { position, bytes: sectors.subarray(0, kept) });
  }
  return left;
}
