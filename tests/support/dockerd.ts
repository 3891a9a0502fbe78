/**
 * A real dockerd with separate folders and socket, and an image with busybox. Needs root, and Debian's docker.io, runc
 * and busybox-static.
 */
import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { newFolder } from "./folders.js";
import { run } from "./running.js";
import { until } from "./until.js";

export interface Dockerd {
  readonly socketPath: string;
  /** Creates a container that runs this in a shell, and starts it. */
  start(name: string, script: string, settings?: object): Promise<void>;
  /** One request to the engine; throws if the answer is an error. */
  ask(method: string, path: string, body?: object): Promise<string>;
  /** Removes all containers, ends it, and removes its folders. */
  stop(): Promise<void>;
}

const IMAGE = "busybox";

export async function startDockerd(): Promise<Dockerd> {
  const folder = await newFolder();
  const socketPath = join(folder.path, "docker.sock");
  const daemon = run("dockerd", [
    "--iptables=false",
    "--bridge=none",
    "--storage-driver=vfs",
    `--data-root=${join(folder.path, "data")}`,
    `--exec-root=${join(folder.path, "exec")}`,
    `--pidfile=${join(folder.path, "pid")}`,
    `--host=unix://${socketPath}`,
  ]);
  const ask = (method: string, path: string, body?: object) => send(socketPath, method, path, body);
  await until("dockerd to answer", () => ask("GET", "/_ping"), 60_000).catch((error) => {
    throw new Error(`${error.message}; dockerd wrote:\n${daemon.output()}`);
  });
  await importBusybox(folder.path, socketPath);
  return {
    socketPath,
    ask,
    start: async (name, script, settings = {}) => {
      const container = { Image: IMAGE, Cmd: ["/busybox", "sh", "-c", script], ...settings };
      await ask("POST", `/containers/create?name=${name}`, {
        ...container,
        HostConfig: { NetworkMode: "none" },
      });
      await ask("POST", `/containers/${name}/start`);
    },
    stop: async () => {
      const list: { Id: string }[] = JSON.parse(await ask("GET", "/containers/json?all=true"));
      await Promise.all(list.map(({ Id }) => ask("DELETE", `/containers/${Id}?force=true`)));
      await daemon.end();
      await folder.remove();
    },
  };
}

/** What `docker import` does with a tar. */
async function importBusybox(path: string, socketPath: string): Promise<void> {
  const root = join(path, "image");
  const tar = join(path, "image.tar");
  mkdirSync(root);
  execFileSync("cp", ["/bin/busybox", join(root, "busybox")]);
  execFileSync("tar", ["-C", root, "-cf", tar, "busybox"]);
  await send(socketPath, "POST", `/images/create?fromSrc=-&repo=${IMAGE}&tag=latest`, createReadStream(tar));
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body?: object | NodeJS.ReadableStream,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const isStream = body !== undefined && "pipe" in body;
    const type = isStream ? "application/x-tar" : "application/json";
    const sent = request({ socketPath, method, path, headers: { "content-type": type } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.once("end", () => {
        const { statusCode = 0 } = response;
        if (statusCode < 400) resolve(text);
        else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
      });
    });
    sent.once("error", reject);
    if (isStream) body.pipe(sent);
    else sent.end(body && JSON.stringify(body));
  });
}
