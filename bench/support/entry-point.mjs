/** Finds an entry point of a package in another checkout of this repository, where files may have other names. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** @param entry as in the package's `exports`, such as "./embedded" */
export function importEntry(root, name, entry) {
  const folder = `${root}/packages/${name}`;
  const { exports } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return import(pathToFileURL(`${folder}/${exports[entry].default}`).href);
}
