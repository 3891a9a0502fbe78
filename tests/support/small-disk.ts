/** A store's files on a disk of a few bytes: writing more fails as on a full disk. */
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FileSystem, realFiles, type StoreFile } from "@chouette-iot/queue/embedded/files";

export class SmallDisk {
  #bytes: number;
  #folder: string | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Leaves no room beside what is there. */
  fill(): void {
    this.#bytes = this.#used();
  }

  readonly files: FileSystem = {
    ...realFiles,
    create: (path) => {
      this.#folder = dirname(path);
      return this.#bounded(realFiles.create(path));
    },
    space: () => ({ total: this.#bytes, free: Math.max(0, this.#bytes - this.#used()) }),
  };

  /** A write that doesn't fit is done in part, as by the system. */
  #bounded(file: StoreFile): StoreFile {
    const fitting = (bytes: Buffer, position: number) => {
      const more = position + bytes.length - file.size();
      const room = this.#bytes - this.#used();
      return more <= room ? bytes : bytes.subarray(0, Math.max(0, bytes.length - more + room));
    };
    const full = () => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    return {
      ...file,
      writeNow: (bytes, position) => {
        const part = fitting(bytes, position);
        file.writeNow(part, position);
        if (part.length < bytes.length) throw full();
      },
      write: async (bytes, position) => {
        const part = fitting(bytes, position);
        await file.write(part, position);
        if (part.length < bytes.length) throw full();
      },
    };
  }

  #used(): number {
    const folder = this.#folder;
    if (folder === undefined) return 0;
    return readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name)).size || 0), 0);
  }
}
