import { MemoryStore } from "@chouette-iot/queue/memory";
import { describeConformance } from "./suite.js";

describeConformance("the memory engine", {
  hasClients: false,
  sequences: 200,
  newSubject: async () => {
    const store = new MemoryStore();
    // What lives in memory can't be opened again: it is simply still there.
    return { store, reopen: async () => {}, close: () => store.close() };
  },
});
