/** Certificates of a test's own authority. Needs openssl. */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { newFolder } from "./folders.js";

export interface Certificates {
  /** Files in PEM. */
  readonly authority: string;
  /** For `localhost`. */
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
  remove(): Promise<void>;
}

export async function newCertificates(): Promise<Certificates> {
  const folder = await newFolder();
  const openssl = (args: string) => {
    const { status, stderr } = spawnSync("openssl", args.split(" "), { cwd: folder.path, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const options = "-days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  openssl(`req -x509 ${options} -keyout ca.key -out ca.pem -subj /CN=Test-Authority`);
  for (const name of ["server", "client"])
    openssl(
      `req -x509 ${options} -CA ca.pem -CAkey ca.key -keyout ${name}.key -out ${name}.pem -subj /CN=${name} -addext subjectAltName=DNS:localhost`,
    );
  const file = (name: string) => join(folder.path, name);
  const pair = (name: string) => ({ cert: file(`${name}.pem`), key: file(`${name}.key`) });
  return { authority: file("ca.pem"), server: pair("server"), client: pair("client"), remove: folder.remove };
}

export function readPem(path: string): Promise<string> {
  return readFile(path, "utf8");
}
