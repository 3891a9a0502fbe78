/** A sender that is closed while Node reads from its HTTP/2 connection. Its own process: a fault would end it. */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { it } from "vitest";
import { HttpSender } from "../../packages/agent/src/outputs/http.js";
import { accept, answeringServers, postBy } from "../support/answering-servers.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";

const { secure, startServer } = answeringServers(cleanUpsAfterEach());

it("an HTTP/2 server is left right after an answer, and what is freed isn't touched again", async () => {
  const { url } = await startServer(accept, { protocol: "h2" });
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  // Not every round would crash.
  for (let round = 0; round < 15; round++) {
    const sender = new HttpSender({ certificateAuthority: secure.ca });
    const { post } = postBy(sender, url);
    for (let sent = 0; sent < 4; sent++) await post(256);
    // In the step in which Node reads the answer: it would end the process.
    await sender.close();
    collectGarbage();
    const until = performance.now() + 20;
    while (performance.now() < until);
    await sleep(5);
  }
});
