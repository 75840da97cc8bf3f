/**
 * The tests run three times over: in Node, in a real Chromium, and as types. Those in `test/server` talk to the real server;
 * `cargo xtask test ts` builds it and says where it is.
 */

import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const source = (file: string) => fileURLToPath(new URL(`src/${file}`, import.meta.url));

/** Chromium must not try to reach its maker, or each start takes long where there is no network. */
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const include = ["test/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias: { "#socket": source("socket.node.ts") } },
        test: {
          name: "node",
          include: [...include, "test/**/*.node-test.ts"],
          globalSetup: ["test/server/start.ts"],
          typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: "tsconfig.json" },
        },
      },
      {
        resolve: { alias: { "#socket": source("socket.ts") } },
        server: { fs: { allow: [".."] } },
        test: {
          name: "browser",
          include,
          globalSetup: ["test/server/start.ts"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: CHROMIUM_ARGS },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
