/**
 * The declarations of a published package: all that its entries reach, including those of our internal packages, in one
 * folder. No public type depends on a library.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, posix, relative, resolve, sep } from "node:path";
import { root } from "./manifest.mjs";

/** The comment on a whole file: no editor shows it. One on the first declaration stays. */
const HEADER = /^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*(?=import |\/\*\*)/;

/** Replaces a library's types, which our declarations use only in private places. */
const LIBRARY = join(root, "packages/library/dist/index.d.ts");
const LIBRARY_TEXT = `export type RedisClientType<A, B, C, D, E> = object & { readonly $?: [A, B, C, D, E] };
export declare namespace z { type ZodType<T = unknown> = object & { readonly $?: T }; }
`;

/**
 * @param entries paths of declarations in the sources' builds
 * @param folder where they go
 */
export async function layDeclarations(entries, folder) {
  const open = [...entries];
  const seen = new Set(open);
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const text = file === LIBRARY ? LIBRARY_TEXT : await readFile(file, "utf8");
    const laid = text
      .replace(HEADER, "")
      .replace(/^\/\/# sourceMappingURL=.*$/m, "")
      .replace(/(from |import\()"([^"]+)"/g, (whole, before, specifier) => {
        const target = declarationOf(specifier, file);
        if (target === undefined) return whole;
        if (!seen.has(target)) open.push(target);
        seen.add(target);
        const path = relative(dirname(placeOf(file)), placeOf(target))
          .split(sep)
          .join(posix.sep);
        return `${before}"${path.startsWith(".") ? path : `./${path}`}"`.replace(/\.d\.ts"$/, '.js"');
      });
    const place = join(folder, placeOf(file));
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, laid);
  }
}

/** packages/record/dist/time.d.ts → record/time.d.ts */
export function placeOf(file) {
  const [, name, ...rest] = relative(root, file).split(sep);
  return posix.join(name, ...rest.slice(1));
}

/** The declaration that a specifier means, or undefined if it is Node's. */
function declarationOf(specifier, from) {
  if (specifier.startsWith(".")) return resolve(dirname(from), specifier.replace(/\.js$/, ".d.ts"));
  if (["@redis/client", "zod"].includes(specifier)) return LIBRARY;
  const [, name, path] = /^@chouette-iot\/(\w+)(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  return join(root, "packages", name, "dist", `${path === undefined ? "index" : path.slice(1)}.d.ts`);
}
