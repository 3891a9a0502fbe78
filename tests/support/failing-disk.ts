/** A store's files on a disk that refuses to write while the test says so. */
import { setTimeout as sleep } from "node:timers/promises";
import { type FileSystem, realFiles, type StoreFile } from "@chouette-iot/queue/embedded/files";

export class FailingDisk {
  /** Why it refuses; undefined while it writes. */
  failure: string | undefined;
  /** The system's code for it. */
  code = "EIO";
  /** How long a flush takes, in milliseconds. */
  flushMs = 0;

  readonly files: FileSystem = {
    ...realFiles,
    create: (path) => {
      this.#check();
      return this.#watched(realFiles.create(path));
    },
  };

  #watched(file: StoreFile): StoreFile {
    return {
      ...file,
      writeNow: (bytes, position) => {
        this.#check();
        file.writeNow(bytes, position);
      },
      write: async (bytes, position) => {
        this.#check();
        await file.write(bytes, position);
      },
      sync: async () => {
        await sleep(this.flushMs);
        await file.sync();
      },
    };
  }

  #check(): void {
    if (this.failure !== undefined) throw Object.assign(new Error(this.failure), { code: this.code });
  }
}
