/**
 * The plugin for Vite: when it runs the command, and where.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { trunkline } from "../src/vite.ts";

vi.mock("node:child_process", async (original) => ({ ...(await original<object>()), spawn: vi.fn() }));

/** What was started and, unless it emitted `close`, still runs. */
let children: EventEmitter[];
let watcher: EventEmitter & { add: (paths: string | string[]) => void };

beforeEach(() => {
  children = [];
  watcher = Object.assign(new EventEmitter(), { add: vi.fn() });
  vi.mocked(spawn).mockImplementation(() => {
    const child = new EventEmitter();
    children.push(child);
    return child as ChildProcess;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The plugin in a development server whose root is `/app/web`. */
function start(watch?: string | string[]): void {
  const plugin = trunkline({ run: "generate", watch, cwd: ".." });
  expect(plugin.apply).toBe("serve");
  plugin.configureServer({ watcher, config: { root: resolve("/app/web") } });
}

test("the command runs at the start and on changes of Rust sources, for many at once", () => {
  start();
  expect(spawn).toHaveBeenCalledWith("generate", { shell: true, stdio: "inherit", cwd: ".." });
  expect(children.length).toBe(1);
  for (let i = 0; i < 5; i++) watcher.emit("all", "change", "server/src/lib.rs");
  expect(children.length).toBe(1);
  children[0]?.emit("close", 0);
  expect(children.length).toBe(2);
  children[1]?.emit("close", 0);
  watcher.emit("all", "change", "web/src/main.ts");
  expect(children.length).toBe(2);
  watcher.emit("all", "change", "server/src/lib.rs");
  expect(children.length).toBe(3);
});

test("folders are relative to Vite's root", () => {
  start();
  expect(watcher.add).toHaveBeenLastCalledWith([resolve("/app/web/src")]);
  start("../server/src");
  expect(watcher.add).toHaveBeenLastCalledWith([resolve("/app/server/src")]);
  start(["a", resolve("/b")]);
  expect(watcher.add).toHaveBeenLastCalledWith([resolve("/app/web/a"), resolve("/b")]);
});

test("a command that cannot be started is told of, and tried again on the next change", async () => {
  const told = vi.spyOn(console, "error").mockImplementation(() => {});
  const { spawn: real } = await vi.importActual<{ spawn: typeof spawn }>("node:child_process");
  vi.mocked(spawn).mockImplementation(() => {
    const child = real("generate", { shell: true, cwd: "there/is/no/such/folder" });
    children.push(child);
    return child;
  });
  start();
  await new Promise((done) => children[0]?.on("close", done));
  expect(told).toHaveBeenCalledWith(expect.stringContaining("`generate` could not be started"));
  watcher.emit("all", "change", "server/src/lib.rs");
  expect(children.length).toBe(2);
  await new Promise((done) => children[1]?.on("close", done));
});
