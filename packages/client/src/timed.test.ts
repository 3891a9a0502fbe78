import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestClient } from "./testing.js";

let client: TestClient;
beforeEach(() => {
  client = new TestClient();
  vi.useFakeTimers({ toFake: ["performance", "setTimeout"] });
});
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTime(ms);
const boom = new Error("boom");

test("using, await using and stop: seconds, or whole milliseconds", async () => {
  {
    using _timing = client.timed("m");
    pass(1_500);
  }
  {
    await using _timing = client.timed("m", { useMs: true, tags: { a: "b" } });
    pass(12.4);
  }
  const timing = client.timed("m");
  pass(250);
  expect([timing.stop(), timing.stop()]).toEqual([0.25, 0.25]);
  client.expectHistogram("m", [1.5, 12, 0.25]);
  client.expectHistogram("m", [12], { tags: { a: "b" } });
});

describe("run and wrap", () => {
  test("a function that returns, and one that throws", () => {
    const answer = client.timed("m").run(() => {
      pass(100);
      return 7;
    });
    expect(answer).toBe(7);
    const fail = client.timed("m").wrap(() => {
      pass(200);
      throw boom;
    });
    expect(fail).toThrow(boom);
    client.expectHistogram("m", [0.1, 0.2]);
  });

  test("this, name and arguments are kept", () => {
    const account = {
      balance: 5,
      add: client.timed("m").wrap(function add(this: { balance: number }, a: number, _b: string): number {
        return this.balance + a;
      }),
    };
    expect(account.add(2, "")).toBe(7);
    expect([account.add.name, account.add.length]).toEqual(["add", 2]);
  });

  test("a promise that resolves, and one that rejects, is the caller's own", async () => {
    const promise = Promise.resolve(1);
    expect(client.timed("m").run(() => promise)).toBe(promise);
    await expect(
      client.timed("m").run(async () => {
        await Promise.resolve();
        pass(300);
        throw boom;
      }),
    ).rejects.toBe(boom);
    client.expectHistogram("m", [0, 0.3]);
  });

  test("a thenable's work is begun once", async () => {
    let begun = 0;
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: such things exist, and are timed
      then: (done: (rows: number) => void) => {
        begun++;
        pass(40);
        done(3);
      },
    };
    expect(await client.timed("m").run(() => query)).toBe(3);
    expect(begun).toBe(1);
    client.expectHistogram("m", [0.04]);
  });

  test("generators, from the first step to the last", async () => {
    const numbers = client.timed("m").wrap(function* (this: void, to: number) {
      for (let n = 0; n < to; n++) {
        pass(10);
        yield n;
      }
      return "done";
    });
    expect([...numbers(3)]).toEqual([0, 1, 2]);
    const slow = client.timed("m").wrap(async function* () {
      pass(50);
      yield 1;
      throw boom;
    });
    const steps = slow();
    expect(await steps.next()).toEqual({ value: 1, done: false });
    await expect(steps.next()).rejects.toBe(boom);
    client.expectHistogram("m", [0.03, 0.05]);
  });
});

test("the standard decorator", () => {
  // Written out as the standard calls it: not every tool compiles the syntax.
  class Shop {
    open = true;
    sell(count: number): string {
      pass(count);
      return `${this.open} ${count}`;
    }
  }
  const context = { kind: "method", name: "sell" } as unknown as ClassMethodDecoratorContext;
  Shop.prototype.sell = client.timed("m")(Shop.prototype.sell, context);
  expect(new Shop().sell(20)).toBe("true 20");
  client.expectHistogram("m", [0.02]);
});

test("the legacy decorator", () => {
  class Shop {
    async sell(count: number): Promise<number> {
      pass(count);
      return count;
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, "sell") ?? {};
  client.timed("m", { useMs: true })(Shop.prototype, "sell", descriptor);
  Object.defineProperty(Shop.prototype, "sell", descriptor);
  return expect(new Shop().sell(20))
    .resolves.toBe(20)
    .then(() => client.expectHistogram("m", [20]));
});

test("a timer that learns its tags at its end", () => {
  const timer = client.timer("m", { tags: { route: "/" } });
  pass(70);
  expect(timer.tag({ cached: true }).end({ status: 200 })).toBe(0.07);
  timer.end();
  {
    using second = client.timer("m", { useMs: true });
    second.tag(["second:yes"]);
    pass(9);
  }
  client.expectHistogram("m", [0.07], { tags: { route: "/", cached: true, status: 200 } });
  client.expectHistogram("m", [9], { tags: { second: "yes" } });
});
