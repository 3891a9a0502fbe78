/** The mqtt collector with a real Mosquitto. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { description, mqttCollector } from "../../packages/agent/src/collectors/mqtt/mqtt.js";
import { systemClock } from "../../packages/agent/src/runtime/clock.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { CLOSED_PORT, reservedPort } from "../support/ports.js";
import { type Running, run } from "../support/running.js";
import { until } from "../support/until.js";

const PASSWORD = "a:password@of/the test";

let folder: Awaited<ReturnType<typeof newFolder>>;
let port: number;
let mosquitto: Running;
beforeAll(async () => {
  folder = await newFolder();
  port = await reservedPort();
  const passwords = join(folder.path, "passwords");
  const settings = join(folder.path, "mosquitto.conf");
  execFileSync("mosquitto_passwd", ["-b", "-c", passwords, "agent", PASSWORD]);
  await writeFile(
    settings,
    `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\nsys_interval 1\nuser root\n`,
  );
  mosquitto = run("mosquitto", ["-c", settings]);
  await mosquitto.wrote("running");
});
afterAll(async () => {
  await mosquitto.end();
  await folder.remove();
});

function urlOf(password: string): string {
  return `mqtt://agent:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}

function collect(url: string, signal = AbortSignal.timeout(10_000)) {
  return Promise.resolve(mqttCollector(url).collect({ clock: systemClock, signal, report: () => {} }));
}

describe("the mqtt collector", () => {
  it("reads what the broker retains of itself", async () => {
    const described = new Set(description.metrics.map(({ name }) => name));
    const collectAll = async () => {
      const metrics = await collect(urlOf(PASSWORD));
      return new Map(metrics.map(({ name, value }) => [name, value]));
    };
    // The broker counts us from the first connection on, and publishes that a second later.
    const values = await until("the broker to count", async () => {
      const collected = await collectAll();
      return (collected.get("Chouette.mqtt.messages.received") ?? 0) > 0 && collected;
    });
    const unknown = [...values.keys()].filter((name) => !described.has(name));
    expect(unknown).toEqual([]);
    expect(values.get("Chouette.mqtt.publish.dropped")).toBe(0);
    expect(values.has("Chouette.mqtt.clients.connected")).toBe(true);
    // No retained message comes after the reply to the ping.
    for (let round = 0; round < 20; round += 1) expect((await collectAll()).size).toBe(values.size);
  });

  it("says that it is not let in, and tells no password", async () => {
    const refusal = await collect(urlOf("another-password")).catch((error: Error) => error.message);
    expect(refusal).toBe("the broker refused the login: code 5");
    expect(mqttCollector(urlOf(PASSWORD)).subject).toBe(`127.0.0.1:${port}`);
  });

  it("fails where there is no broker, where it hangs up, and where it doesn't answer", async () => {
    await expect(collect(`mqtt://127.0.0.1:${CLOSED_PORT}`)).rejects.toThrow("ECONNREFUSED");
    const rude = await listen(createServer((socket) => socket.end()));
    const silent = await listen(createServer());
    await expect(collect(`mqtt://127.0.0.1:${rude.port}`)).rejects.toThrow("closed the connection");
    await expect(collect(`mqtt://127.0.0.1:${silent.port}`, AbortSignal.timeout(100))).rejects.toThrow(
      "did not answer in time",
    );
    await rude.stop();
    await silent.stop();
  });
});
