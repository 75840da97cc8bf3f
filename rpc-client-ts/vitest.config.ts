/**
 * The tests run three times over: in Node, in a real Chromium, and as types. Those in `test/server` talk to the real server;
 * `cargo xtask test typescript` builds it and says where it is.
 */

import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { CHROMIUM_ARGS, CHROMIUM_PATH } from "./test/server/chromium.ts";

const source = (file: string) => fileURLToPath(new URL(`src/${file}`, import.meta.url));

const include = ["test/**/*.test.ts"];

/** The sources, for what a generated file imports and for the WebSocket of a platform. */
const alias = (socket: string) => [
  { find: "#socket", replacement: source(socket) },
  { find: /^trunkline$/, replacement: source("index.ts") },
  { find: /^trunkline\/(.*)$/, replacement: source("$1.ts") },
];

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias: alias("socket.node.ts") },
        test: {
          name: "node",
          include: [...include, "test/**/*.node-test.ts"],
          globalSetup: ["test/server/start.ts"],
          typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: "tsconfig.json" },
        },
      },
      {
        resolve: { alias: alias("socket.ts") },
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
              launchOptions: { executablePath: CHROMIUM_PATH, args: [...CHROMIUM_ARGS] },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
