/** How programs that use the client end: their records are stored, and nothing keeps them alive. */
import { describe, expect, test } from "vitest";
import { clientPrograms } from "../support/client-program.js";
import { CLOSED_PORT } from "../support/ports.js";
import { redisForTests } from "../support/redis-for-tests.js";

const server = redisForTests();
const programs = clientPrograms();
const program = programs.start;

const WITH_SIGNALS = `
  const client = new ChouetteClient({ exitSignals: true, exitTimeoutMs: 20_000, lingerMs: 60_000 });
  client.count("m", 1, { timestamp: 1 });
  setInterval(() => {}, 1000);`;
const THOUSAND = "for (let i = 0; i < 1000; i++) client.count('m', 1, { timestamp: i });";

describe("a signal ends the process, and what was buffered is stored", () => {
  test("with signal-exit loaded after the client", async () => {
    const running = program(
      `${WITH_SIGNALS}
       const { onExit } = await import("signal-exit");
       onExit((code, signal) => { process.stdout.write("signal-exit: " + signal); });
       console.log("ready");`,
      server.redis.port,
    );
    await running.wrote("ready");
    expect(await running.end("SIGTERM")).toBe("SIGTERM");
    expect(running.output()).toContain("signal-exit: SIGTERM");
    expect(await server.broker.size()).toBe(1);
  });

  test("with signal-exit loaded before the client", async () => {
    const running = program(
      `import { onExit } from "signal-exit";
       onExit(() => {});
       ${WITH_SIGNALS}
       console.log("ready");`,
      server.redis.port,
    );
    await running.wrote("ready");
    expect(await running.end("SIGINT")).toBe("SIGINT");
    expect(await server.broker.size()).toBe(1);
  });

  test("with two copies of the client, each of which sends its own", async () => {
    const copy = await programs.copyOfClient();
    const running = program(
      `import { ChouetteClient as Another } from ${JSON.stringify(copy)};
       ${WITH_SIGNALS}
       const another = new Another({ exitSignals: true, exitTimeoutMs: 20_000, lingerMs: 60_000 });
       another.count("m", 1, { timestamp: 1 });
       console.log(Another !== ChouetteClient, "ready");`,
      server.redis.port,
    );
    await running.wrote("true ready");
    expect(await running.end("SIGTERM")).toBe("SIGTERM");
    expect(await server.broker.size()).toBe(2);
  });
});

test("a program that handles a signal with `once` decides when it ends", async () => {
  const running = program(
    `process.once("SIGTERM", () => setInterval(() => client.stats().stored === 1 && process.exit(7), 10));
     ${WITH_SIGNALS}
     console.log("ready");`,
    server.redis.port,
  );
  await running.wrote("ready");
  expect(await running.end("SIGTERM")).toBe(7);
});

test("PM2, which kills 1.6 s after its SIGINT, costs no record if there is a spill, though the broker hangs", async () => {
  const running = program(
    `const client = new ChouetteClient({ spill, exitSignals: true });
     ${THOUSAND}
     setInterval(() => {}, 1000);
     console.log("ready");`,
    server.redis.port,
  );
  await running.wrote("ready");
  server.redis.signal("SIGSTOP");
  const kill = setTimeout(() => running.child.kill("SIGKILL"), 1_600);
  const ended = await running.end("SIGINT");
  clearTimeout(kill);
  server.redis.signal("SIGCONT");
  expect(ended).toBe("SIGINT");
  await program("const next = new ChouetteClient({ spill }); await next.close();", server.redis.port).ended;
  expect(await server.broker.size()).toBe(1_000);
});

test("every caller of close and flush waits until the first close has ended", async () => {
  const running = program(
    `const client = new ChouetteClient();
     ${THOUSAND}
     void client.close({ timeoutMs: 20_000 });
     const flushed = client.flush({ timeoutMs: 20_000 });
     await client.close({ timeoutMs: 20_000 });
     console.log(client.stats().stored, await flushed, await client.flush());
     process.exit();`,
    server.redis.port,
  );
  expect(await running.ended).toBe(0);
  expect(running.output()).toBe("1000 true true\n");
});

describe("a program that awaits its calls at top level goes on, whatever the broker does", () => {
  const AWAITING = `console.log(await client.count("m", 1));
    console.log(await client.histogram("h", 1));
    console.log("end");`;

  test("though the exit is not to be delayed", async () => {
    const running = program(
      `const client = new ChouetteClient({ exitTimeoutMs: 0 }); ${AWAITING}`,
      CLOSED_PORT,
    );
    expect(await running.ended).toBe(0);
    expect(running.output()).toBe("false\nfalse\nend\n");
  });

  test("though answers may take longer than the exit", async () => {
    const running = program(
      `const client = new ChouetteClient({ exitTimeoutMs: 50, answerTimeoutMs: 60_000 }); ${AWAITING}`,
      CLOSED_PORT,
    );
    expect(await running.ended).toBe(0);
    expect(running.output()).toBe("false\nfalse\nend\n");
  });
});
