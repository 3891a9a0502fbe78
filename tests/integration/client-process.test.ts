/** Processes with the built client: how they end, and what is stored. */
import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { CLIENT, clientPrograms } from "../support/client-program.js";
import { CLOSED_PORT } from "../support/ports.js";
import { redisForTests } from "../support/redis-for-tests.js";

const server = redisForTests();
const programs = clientPrograms();
const program = programs.start;

/** Counts from 0 to 999, each with a distinct time. */
const THOUSAND = "for (let i = 0; i < 1000; i++) client.count('m', 1, { timestamp: i });";

test("a program that says nothing more ends, and what it counted is stored", async () => {
  const running = program(
    `const client = new ChouetteClient({ exitTimeoutMs: 20_000 });
     for (let i = 0; i < 1234; i++) client.count('m', 1, { timestamp: i });`,
    server.redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("");
  expect(await server.broker.size()).toBe(1234);
});

test("a program can await its calls at its top level", async () => {
  const running = program(
    `const client = new ChouetteClient({ exitTimeoutMs: 20_000, answerTimeoutMs: 20_000 });
     console.log(await client.count('m', 1));`,
    server.redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("true\n");
});

test("a program without a broker ends by itself", async () => {
  const running = program("ChouetteClient.count('m', 1);", CLOSED_PORT);
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("");
});

test("a signal sends what is buffered, and ends the process as it would have", async () => {
  const running = program(
    `const client = new ChouetteClient({ exitSignals: true, exitTimeoutMs: 20_000, lingerMs: 60_000 });
     client.increment('aggregated');
     client.count('m', 1, { timestamp: 1 });
     setInterval(() => {}, 1000);
     console.log('ready');`,
    server.redis.port,
  );
  await running.wrote("ready");
  expect(await running.end("SIGTERM")).toBe("SIGTERM");
  expect(await server.broker.size()).toBe(2);
});

test("a program that handles a signal itself decides when to end", async () => {
  const running = program(
    `const client = new ChouetteClient({ exitSignals: true, exitTimeoutMs: 20_000, lingerMs: 60_000 });
     process.on('SIGTERM', () => setInterval(() => client.stats().stored === 1 && process.exit(7), 10));
     client.count('m', 1, { timestamp: 1 });
     setInterval(() => {}, 1000);
     console.log('ready');`,
    server.redis.port,
  );
  await running.wrote("ready");
  expect(await running.end("SIGTERM")).toBe(7);
  expect(await server.broker.size()).toBe(1);
});

test("workers, cluster workers and forked children store records of their own", async () => {
  const running = program(
    `import { Worker } from 'node:worker_threads';
     import cluster from 'node:cluster';
     import { writeFileSync } from 'node:fs';
     const file = spill.folder + '/child.mjs';
     writeFileSync(file, \`import { ChouetteClient } from ${JSON.stringify(CLIENT)};
       import cluster from 'node:cluster';
       const client = new ChouetteClient({ exitTimeoutMs: 20_000 });
       for (let i = 0; i < 100; i++) client.count('m', 1, { timestamp: i });
       if (cluster.isWorker) client.flush({ timeoutMs: 20_000 }).then(() => process.disconnect());\`);
     const { fork } = await import('node:child_process');
     new Worker(file);
     fork(file);
     cluster.setupPrimary({ exec: file });
     cluster.fork();
     cluster.fork();
     new ChouetteClient({ exitTimeoutMs: 20_000 }).count('m', 1, { timestamp: 1 });`,
    server.redis.port,
  );
  const code = await running.ended;
  expect(running.output()).toBe("");
  expect(code).toBe(0);
  expect(await server.broker.size()).toBe(401);
});

describe("with a spill, what a process held is delivered by the next one, once", () => {
  /** Another process with the same folder and a broker, which records nothing itself. */
  async function deliverBy(next: string): Promise<void> {
    const running = program(next, server.redis.port);
    expect(await running.ended).toBe(0);
    expect(running.output()).toContain('"spilled":0');
    expect(await readdir(programs.spillFolder)).toEqual([]);
  }
  const NEXT = `const client = new ChouetteClient({ spill });
    await client.flush();
    console.log(JSON.stringify(client.stats()));
    await client.close();`;

  test("after process.exit", async () => {
    const running = program(
      `const client = new ChouetteClient({ spill }); ${THOUSAND} client.increment('aggregated'); process.exit(3);`,
      CLOSED_PORT,
    );
    expect(await running.ended).toBe(3);
    await deliverBy(NEXT);
    expect(await server.broker.size()).toBe(1001);
  });

  test("after an uncaught exception, with batches under way to the broker", async () => {
    const running = program(
      `const client = new ChouetteClient({ spill, answerTimeoutMs: 60_000 });
       client.count('first', 1, { timestamp: 1 });
       while (client.stats().stored === 0) await new Promise((resolve) => setTimeout(resolve, 10));
       for (let i = 0; i < 20; i++) { ${THOUSAND} }
       setTimeout(() => { throw new Error('on purpose'); }, 5);`,
      server.redis.port,
    );
    expect(await running.ended).toBe(1);
    // An agent removes them before the next process starts: records that are sent again would count again.
    const before = await server.broker.size();
    await server.broker.command("RENAME", "chouette:metrics:raw.keys", "taken.keys");
    await server.broker.command("RENAME", "chouette:metrics:raw.values", "taken.values");
    await deliverBy(NEXT);
    expect(before + (await server.broker.size())).toBe(20_001);
  });

  test("after kill -9, what was accepted before the last spill", async () => {
    const running = program(
      `const client = new ChouetteClient({ spill });
       ${THOUSAND}
       setInterval(() => { if (client.stats().spilled === 1000) console.log('spilled'); }, 10);`,
      CLOSED_PORT,
    );
    await running.wrote("spilled");
    await running.end("SIGKILL");
    await deliverBy(NEXT);
    expect(await server.broker.size()).toBe(1000);
  });

  test("but not while that process lives", async () => {
    const living = program(
      `const client = new ChouetteClient({ spill });
       ${THOUSAND}
       setInterval(() => { if (client.stats().spilled === 1000) console.log('spilled'); }, 10);`,
      CLOSED_PORT,
    );
    await living.wrote("spilled");
    const other = program(NEXT, server.redis.port);
    expect(await other.ended).toBe(0);
    expect(await server.broker.size()).toBe(0);
    await living.end("SIGKILL");
    await deliverBy(NEXT);
    expect(await server.broker.size()).toBe(1000);
  });
});
