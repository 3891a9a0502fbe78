/**
 * Room on the disk: when it is full, and a reserve for the changes that make room.
 *
 * The reserve is a file of zeros. It is given up for a settlement that finds no room; from then on nothing is stored
 * until the reserve can be made again.
 */
import { join } from "node:path";
import { StoreFullError } from "../store-full.js";
import { RESERVE } from "./file-names.js";
import type { FileSystem } from "./files.js";

/** The reserve is this part of the file system, within these bounds in bytes. */
const PART = 16;
const MIN_RESERVE = 64 * 1024;
const MAX_RESERVE = 1024 * 1024;
/** The part of the reserve that is kept for what removes records and adds none. */
const KEPT_PART = 4;
/** How often it is tried to make the reserve again, in milliseconds. */
const RETRY_MS = 500;

export class Room {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #path: string;
  readonly #bytes: number;
  readonly #onChange: (reason: string | undefined) => void;
  #isFull = false;
  #hasReserve = false;
  #triedAt = Number.NEGATIVE_INFINITY;

  /** @param onChange called with why records are refused, and with undefined when they are taken again */
  constructor(files: FileSystem, folder: string, onChange: (reason: string | undefined) => void) {
    this.#onChange = onChange;
    this.#files = files;
    this.#folder = folder;
    this.#path = join(folder, RESERVE);
    const { total } = files.space(folder);
    this.#bytes = Math.min(MAX_RESERVE, Math.max(MIN_RESERVE, Math.floor(total / PART)));
  }

  /** Whether records are refused. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Whether records may be stored, as far as that is known without a look at the disk: {@link admits} looks. */
  get isOpen(): boolean {
    return !this.#isFull && this.#hasReserve;
  }

  /** Bytes that the reserve takes. */
  get reserveBytes(): number {
    return this.#hasReserve ? this.#bytes : 0;
  }

  error(): StoreFullError {
    return new StoreFullError(`the disk of ${this.#folder} is full`);
  }

  /** @returns whether records may be stored: with a reserve, which this makes */
  async admits(): Promise<boolean> {
    if (this.isOpen) return true;
    const now = performance.now();
    if (now - this.#triedAt < RETRY_MS) return !this.#isFull;
    this.#triedAt = now;
    this.#hasReserve = this.#hasReserve || (await this.#makeReserve());
    this.#set(!this.#hasReserve || this.#files.space(this.#folder).free === 0);
    return !this.#isFull;
  }

  /**
   * Whether so many bytes leave room for removals: if what adds records took the last of it, nothing could leave any more.
   * The reserve counts as room.
   */
  fits(bytes: number): boolean {
    return this.#files.space(this.#folder).free + this.reserveBytes - bytes >= this.#bytes / KEPT_PART;
  }

  /** A record found no room. */
  ranOut(): void {
    this.#set(true);
    this.#triedAt = performance.now();
  }

  /** Makes room for a change that removes. */
  async giveUpReserve(): Promise<void> {
    this.ranOut();
    this.#hasReserve = false;
    await this.#files.remove(this.#path);
  }

  #set(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#onChange(isFull ? this.error().message : undefined);
  }

  async #makeReserve(): Promise<boolean> {
    try {
      if (await this.#isThere()) return true;
      const file = this.#files.create(this.#path);
      try {
        await file.write(Buffer.alloc(this.#bytes), 0);
        return true;
      } finally {
        file.close();
      }
    } catch {
      await this.#files.remove(this.#path);
      return false;
    }
  }

  async #isThere(): Promise<boolean> {
    if (!(await this.#files.list(this.#folder)).includes(RESERVE)) return false;
    const file = this.#files.openForReading(this.#path);
    const bytes = file.size();
    file.close();
    return bytes === this.#bytes;
  }
}
