/**
 * Room on the disk: detects that it is full, and keeps a reserve for the changes that free space.
 *
 * The reserve is a file of zeros. It is deleted for a settlement that finds no room; after that, no record is accepted until
 * the reserve can be created again.
 */
import { join } from "node:path";
import { StoreFullError } from "../store-error.js";
import { RESERVE } from "./file-names.js";
import type { FileSystem } from "./files.js";

/** The reserve is a 16th of the file system, within these bounds in bytes. */
const PART = 16;
const MIN_RESERVE = 64 * 1024;
const MAX_RESERVE = 1024 * 1024;
/** A fourth of the reserve is kept for changes that only remove. */
const KEPT_PART = 4;
/** Time between attempts to create the reserve again. */
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

  /** @param onChange called with the reason when records are refused, and with undefined when they are accepted again */
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

  /** Whether records are accepted, without asking the disk: {@link admits} does. */
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

  /** Whether records are accepted. Creates the reserve if it is missing. */
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
   * Whether writing so many bytes leaves room for removals: if additions took all of it, nothing could be removed any more.
   * The reserve counts as room.
   */
  fits(bytes: number): boolean {
    return this.#files.space(this.#folder).free + this.reserveBytes - bytes >= this.#bytes / KEPT_PART;
  }

  /** A write failed for lack of room. */
  ranOut(): void {
    this.#set(true);
    this.#triedAt = performance.now();
  }

  /** Deletes the reserve, to make room for a change that removes. */
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
