import { defineConfig } from "vitest/config";

// Two projects: `unit` runs in parallel and starts no process; `process` starts kernels, clusters and browsers, so its
// files run one after the other: the machines that run it have two cores.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/**/*.process.test.ts", "test/bench/**"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "process",
          include: ["test/e2e/**/*.test.ts", "test/**/*.process.test.ts"],
          exclude: ["test/bench/**"],
          globalSetup: ["test/support/ray-at-the-end.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
