import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { newFolder } from "../support/folders.js";
import type { Subject } from "./subject.js";
import { describeConformance } from "./suite.js";

/** So small that most records leave memory, and segments are emptied and runs merged constantly. */
const SMALL = { segmentBytes: 4_096, memoryBytes: 3_000, segments: 2, carriedBytes: 500 };

const engine = (limits: Partial<typeof SMALL>) => async (): Promise<Subject> => {
  const folder = await newFolder();
  const open = async () => {
    const opened = await openEmbeddedStore({ folder: folder.path, limits });
    if (opened.losses !== undefined) throw new Error("something was lost");
    return opened.store;
  };
  let store = await open();
  return {
    get store() {
      return store;
    },
    reopen: async () => {
      await store.close();
      store = await open();
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
};

describeConformance("the embedded engine", { hasClients: true, sequences: 60, newSubject: engine({}) });
describeConformance("the embedded engine, with hardly any memory", {
  ...{ hasClients: true, sequences: 60 },
  newSubject: engine(SMALL),
});
