import { defineConfig } from "vitest/config";

export default defineConfig({
  // The packages' own sources, not what was last built; tests that start processes use the build.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "module", "default"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only make the processes under test wait for one another.
    maxWorkers: 2,
  },
});
