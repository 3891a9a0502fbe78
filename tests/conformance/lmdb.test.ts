import { LmdbStore } from "@chouette-iot/queue/lmdb";
import { milliseconds } from "@chouette-iot/record";
import { newFolder } from "../support/folders.js";
import type { Subject } from "./subject.js";
import { describeConformance } from "./suite.js";

describeConformance("the LMDB engine", { hasClients: true, sequences: 60, newSubject: newLmdb });

async function newLmdb(): Promise<Subject> {
  const folder = await newFolder();
  const open = () => new LmdbStore({ directory: folder.path, commitInterval: milliseconds(1) });
  let store = open();
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = open();
    },
    close: async () => {
      await store.close();
      await folder.remove();
    },
    client: {
      storeId: (queue, position) => store.write([{ queue, ...position }]),
      storeValue: (queue, id, value) => store.write([{ queue, id, value }]),
    },
  };
}
