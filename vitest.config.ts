import { defineConfig } from "vitest/config";

export default defineConfig({
  // The packages' own sources, not what was last built; tests that start processes use the build.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "module", "default"] } },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than CI has cores: many tests wait for a process most of the time.
    maxWorkers: 3,
    projects: [
      // One process for many files: starting one for each would take longer than most of these tests.
      { extends: true, test: { name: "unit", include: ["packages/*/src/**/*.test.ts"], isolate: false } },
      { extends: true, test: { name: "whole", include: ["tests/**/*.test.ts"] } },
    ],
  },
});
