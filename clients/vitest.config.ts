import relay from "vite-plugin-relay";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [relay],
  test: {
    globalSetup: "./build.ts",
    include: ["**/*.test.{ts,tsx}"],
    exclude: ["node_modules/**"],
    setupFiles: "./setup.ts",
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
