/** A store some of whose calls fail as with a broken connection: before they are executed, or after. */
import type { Store } from "@chouette-iot/queue";

/** `refused`: not executed. `answer lost`: executed, but reported as failed. */
export type StoreFault = "refused" | "answer lost";

/** @param faultOf called with the name of each called method; undefined lets the call through */
export function faultyStore(store: Store, faultOf: (method: string) => StoreFault | undefined): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        const fault = faultOf(String(name));
        if (fault === "refused") throw new Error("refused by the test");
        const answer: unknown = await member.apply(target, args);
        if (fault === "answer lost") throw new Error("its answer was lost");
        return answer;
      };
    },
  });
}
