import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lifecycle } from "./lifecycle.js";

/** What the lifecycle works with, watched: each of its steps takes until the given promise resolves. */
function watched(wait: (what: string) => Promise<unknown> = async () => {}) {
  const running = new Set<Pipeline>();
  const opened = new Set<number>();
  const failures: unknown[] = [];
  const seen = { started: [] as number[], overlaps: 0, closedInUse: 0, closedTwice: 0, startedLost: 0 };
  let isStopped = false;
  class Pipeline {
    readonly config: number;
    constructor(config: number) {
      this.config = config;
      running.add(this);
      if (running.size > 1) seen.overlaps += 1;
      seen.started.push(config);
    }
    async stop() {
      await wait(`the end of ${this.config}`);
      running.delete(this);
    }
  }
  opened.add(0);
  const lifecycle = new Lifecycle<number, number, { readonly lost: AbortSignal }, Pipeline>(0, 0, {
    open: async (config) => {
      await wait(`the opening of ${config}`);
      if (config < 0) throw new Error("can't be opened");
      opened.add(config);
      return config;
    },
    close: async (config) => {
      if ([...running].some((pipeline) => pipeline.config === config)) seen.closedInUse += 1;
      if (!opened.delete(config)) seen.closedTwice += 1;
      await wait(`the close of ${config}`);
    },
    onFailure: (error) => failures.push(error),
    start: ({ lost }, config) => {
      if (lost.aborted || isStopped) seen.startedLost += 1;
      return new Pipeline(config);
    },
  });
  const stop = () => {
    isStopped = true;
    return lifecycle.stop();
  };
  return { lifecycle, running, opened, seen, failures, stop };
}

const leadership = () => {
  const lost = new AbortController();
  return { lost: lost.signal, lose: () => lost.abort() };
};

type Event =
  | { readonly is: "reload"; readonly fails: boolean }
  | { readonly is: "lead" | "lose" | "follow" | "stop" };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant("reload" as const), fails: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ is: fc.constant("lead" as const) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constantFrom("lose" as const, "follow" as const) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("stop" as const) }) },
);

describe("whatever comes in whatever order, while steps take however long", () => {
  it("never do two pipelines run, the newest settings win, and the end ends", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), fc.scheduler(), async (events, scheduler) => {
        const wait = (what: string) => scheduler.schedule(Promise.resolve(), what);
        const { lifecycle, running, opened, seen, stop } = watched(wait);
        let newest = 0;
        let reloads = 0;
        let current: ReturnType<typeof leadership> | undefined;
        let isStopped = false;
        const done: Promise<unknown>[] = [];
        const act: Record<Event["is"], (event: Event) => void> = {
          reload: (event) => {
            reloads += 1;
            const fails = event.is === "reload" && event.fails;
            if (!fails) newest = reloads;
            const reloaded = lifecycle.reload(fails ? -reloads : reloads);
            done.push(fails ? expect(reloaded).rejects.toThrow("can't be opened") : reloaded);
          },
          lead: () => {
            current = leadership();
            lifecycle.lead(current);
          },
          lose: () => {
            current?.lose();
            current = undefined;
            done.push(lifecycle.follow());
          },
          follow: () => {
            current = undefined;
            done.push(lifecycle.follow());
          },
          stop: () => {
            isStopped = true;
            done.push(stop());
          },
        };
        const { all } = scheduler.scheduleSequence(
          events.map((event) => ({ label: event.is, builder: async () => act[event.is](event) })),
        ) as unknown as { all: Promise<unknown> };
        void all;
        await scheduler.waitIdle();
        await Promise.all(done);
        expect(seen).toMatchObject({ overlaps: 0, closedInUse: 0, closedTwice: 0, startedLost: 0 });
        const wanted = current === undefined || isStopped ? [] : [newest];
        expect([...running].map(({ config }) => config)).toEqual(wanted);
        expect(lifecycle.pipeline?.config).toBe(wanted[0]);
        expect(lifecycle.config).toBe(newest);
        expect([...opened]).toEqual(isStopped ? [] : [newest]);
        if (!isStopped) {
          const stopped = stop();
          await scheduler.waitIdle();
          await stopped;
        }
        expect(running.size + opened.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the lifecycle", () => {
  it("starts nothing again that runs as it is wanted", async () => {
    const { lifecycle, seen } = watched();
    const leading = leadership();
    lifecycle.lead(leading);
    lifecycle.lead(leading);
    await lifecycle.reload(1);
    await expect(lifecycle.reload(-1)).rejects.toThrow();
    expect(seen.started).toEqual([0, 1].slice(-seen.started.length));
    const before = seen.started.length;
    lifecycle.lead(leading);
    await expect(lifecycle.reload(-2)).rejects.toThrow();
    expect(seen.started).toHaveLength(before);
    lifecycle.lead(leadership());
    await lifecycle.reload(3);
    expect(lifecycle.pipeline?.config).toBe(3);
  });

  it("ends though settings that are being opened never are", async () => {
    const { lifecycle, running, stop } = watched(async (what) => {
      if (what.startsWith("the opening")) await new Promise(() => {});
    });
    lifecycle.lead(leadership());
    void lifecycle.reload(1);
    await new Promise(setImmediate);
    expect(running.size).toBe(1);
    await stop();
    expect(running.size).toBe(0);
  });

  it("closes settings that come to be opened after the end", async () => {
    let open = () => {};
    const { lifecycle, opened, stop } = watched(async (what) => {
      if (what.startsWith("the opening")) await new Promise<void>((resolve) => (open = resolve));
    });
    const reloaded = lifecycle.reload(1);
    await stop();
    open();
    await reloaded;
    expect([...opened]).toEqual([]);
  });

  it("goes on after a pipeline whose end fails, and reports that once", async () => {
    const { lifecycle, opened, seen, failures } = watched(async (what) => {
      if (what === "the end of 0") throw new Error("can't be ended");
    });
    lifecycle.lead(leadership());
    await new Promise(setImmediate);
    expect(await lifecycle.reload(1)).toBe(false);
    expect(failures).toEqual([new Error("can't be ended")]);
    expect(lifecycle.pipeline?.config).toBe(1);
    expect(await lifecycle.reload(2)).toBe(true);
    expect(seen.started).toEqual([0, 1, 2]);
    expect([...opened]).toEqual([2]);
  });

  it("reports once that it can't start what it leads, and lives on for the next settings", async () => {
    const failures: unknown[] = [];
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    const lifecycle = new Lifecycle<
      string,
      string,
      { readonly lost: AbortSignal },
      { stop(): Promise<void> }
    >("bad", "bad", {
      open: async (config) => config,
      close: async () => {},
      onFailure: (error) => failures.push(error),
      start: (_, config) => {
        if (config === "bad") throw new Error("can't be started");
        return { stop: async () => {} };
      },
    });
    const leading = leadership();
    lifecycle.lead(leading);
    lifecycle.lead(leading);
    // Unhandled rejections are reported after all microtasks.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
    expect(failures).toEqual([new Error("can't be started")]);
    await lifecycle.reload("good");
    expect(lifecycle.pipeline).toBeDefined();
    await lifecycle.stop();
    expect(failures).toHaveLength(1);
  });

  it("doesn't try again what can't be started, until something else is wanted", async () => {
    let starts = 0;
    const lifecycle = new Lifecycle<
      string,
      string,
      { readonly lost: AbortSignal },
      { stop(): Promise<void> }
    >("good", "good", {
      open: async (config) => config,
      close: async () => {},
      onFailure: () => {},
      start: (_, config) => {
        starts += 1;
        if (config === "bad") throw new Error("can't be started");
        return { stop: async () => {} };
      },
    });
    lifecycle.lead(leadership());
    expect(await lifecycle.reload("bad")).toBe(false);
    expect(lifecycle.pipeline).toBeUndefined();
    const before = starts;
    await lifecycle.reload("good");
    expect(starts - before).toBe(1);
    expect(lifecycle.pipeline).toBeDefined();
  });
});
