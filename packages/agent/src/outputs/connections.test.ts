/** Files that the connections need: the key, and the certificate authority. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../tests/support/folders.js";
import { fixedKey, keyFromFile } from "./api-key.js";
import { Connections, connectionOptions } from "./connections.js";

const cleanUps = cleanUpsAfterEach();
let path = "";
beforeEach(async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  path = join(folder.path, "file");
});

describe("a certificate authority", () => {
  const proxies = { http: "http://proxy", https: undefined, except: undefined };

  it("is read from its file, if a setting names one", async () => {
    const certificateAuthority = "-----BEGIN CERTIFICATE-----\n";
    await writeFile(path, certificateAuthority);
    expect(await connectionOptions({ proxies, caFile: path })).toEqual({ proxies, certificateAuthority });
    expect(await connectionOptions({ proxies, caFile: undefined })).toEqual({ proxies });
  });

  it("is an error without its file, or without a certificate in it", async () => {
    const read = () => connectionOptions({ proxies, caFile: path });
    await expect(read()).rejects.toThrow("DATADOG_CA_FILE can't be read: ENOENT");
    await writeFile(path, "-----BEGIN PRIVATE KEY-----");
    await expect(read()).rejects.toThrow(`DATADOG_CA_FILE has no PEM certificate: ${path}`);
  });
});

describe("a key", () => {
  it("in a setting stays as it is", async () => {
    const key = fixedKey("abc");
    expect([await key.renew(), key.current]).toEqual([false, "abc"]);
  });

  it("in a file may change, and stays if the file can't be read or has none", async () => {
    await writeFile(path, " abc\n");
    const key = await keyFromFile(path);
    expect(key.current).toBe("abc");
    expect(await key.renew()).toBe(false);
    await writeFile(path, "def");
    expect([await key.renew(), key.current]).toEqual([true, "def"]);
    for (const text of ["", "two words", "é"]) {
      await writeFile(path, text);
      expect([await key.renew(), key.current]).toEqual([false, "def"]);
    }
  });

  it("is an error without its file, or without a key in it", async () => {
    await expect(keyFromFile(path)).rejects.toThrow("API_KEY_FILE can't be read: ENOENT");
    await writeFile(path, "two words");
    await expect(keyFromFile(path)).rejects.toThrow(`API_KEY_FILE has no valid key: ${path}`);
  });
});

it("connections to one server through one proxy are the same, and others aren't", () => {
  const timeouts = { connect: milliseconds(1_000), keepAlive: milliseconds(1_000) };
  const connections = new Connections({}, timeouts);
  const to = (url: string) => connections.to(new URL(url));
  expect(to("http://a/x")).toBe(to("http://a/y"));
  for (const other of ["https://a", "http://a:81", "http://b"]) expect(to(other)).not.toBe(to("http://a"));
  const before = to("http://a");
  connections.close();
  expect(to("http://a")).not.toBe(before);
});
