/** A store some of whose calls fail, as a broken connection has them fail: before they are carried out, or after. */
import type { Store } from "@chouette-iot/queue";

/** `refused`: not carried out. `answer lost`: carried out, and reported as failed. */
export type StoreFault = "refused" | "answer lost";

/** @param faultOf asked at each call of a method by its name; undefined lets the call through */
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
