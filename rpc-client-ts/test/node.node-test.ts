/**
 * What there is in Node only: its WebSocket and the command line.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket as NodeWebSocket, WebSocketServer } from "ws";
import packageJson from "../package.json" with { type: "json" };
import { connect } from "../src/index.ts";
import { platformSocket } from "../src/socket.node.ts";

let folder: string;
let server: WebSocketServer;
let url: string;
/** What the server answers to each request; `undefined` if it does not know it. */
let answer: (method: string) => unknown;
/** With what it refuses the others. */
let refusal: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "trunkline-"));
  server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: (offered) => [...offered][0] ?? false });
  await new Promise((resolve) => server.on("listening", resolve));
  url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
  answer = () => undefined;
  refusal = "UNIMPLEMENTED";
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      for (const line of data.toString().split("\n")) {
        const [kind, id, method] = JSON.parse(line) as [number, { token?: string } | number, string];
        if (kind === 1)
          socket.send(JSON.stringify([2, { v: 1, session: "s", user: (id as { token?: string }).token }]));
        if (kind !== 3) continue;
        const value = answer(method);
        socket.send(
          JSON.stringify(value === undefined ? [7, id, { code: refusal, message: "no" }] : [5, id, 0, value]),
        );
      }
    });
  });
});

afterEach(async () => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

describe("a WebSocket", () => {
  test("is the global one where there is one", () => {
    const Global = class {};
    vi.stubGlobal("WebSocket", Global);
    expect(platformSocket()).toBe(Global);
  });

  test("is that of `ws` where there is none, with a limit on what it takes", async () => {
    vi.stubGlobal("WebSocket", undefined);
    answer = (method) => (method === "large" ? "x".repeat(2 << 20) : 30);
    const client = connect(url);
    expect(await client.call("add", [10, 20])).toBe(30);
    const large = await client.call("large").result();
    expect(large).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: true } });
    await client.close();
  });

  test("says why it does not connect", async () => {
    vi.stubGlobal("WebSocket", undefined);
    const client = connect("ws://127.0.0.1:1");
    await expect(client.ready).rejects.toThrow(/there is no connection to ws:\/\/127.0.0.1:1\/ \(1006: .*ECONNREFUSED/);
  });

  test("may be passed", async () => {
    answer = () => 1;
    await using client = connect(url.replace("ws", "http"), { WebSocket: NodeWebSocket });
    await client.ready;
    expect(await client.call("one")).toBe(1);
  });
});

test("the client calls itself by the version of the package", () => {
  const source = readFileSync(new URL("../src/client.ts", import.meta.url), "utf8");
  expect(source).toContain(`"trunkline-ts ${packageJson.version}"`);
});

describe("the command line", () => {
  const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
  let printed: string;

  /** Runs the program in this process; the result is its exit code. */
  async function run(...args: string[]): Promise<number> {
    printed = "";
    const print = (text: unknown) => {
      printed += `${text}\n`;
    };
    vi.spyOn(console, "log").mockImplementation(print);
    vi.spyOn(console, "error").mockImplementation(print);
    vi.resetModules();
    const { argv, exitCode } = process;
    process.argv = ["node", "trunkline", ...args];
    await import(cli);
    const code = Number(process.exitCode ?? 0);
    Object.assign(process, { argv, exitCode });
    vi.restoreAllMocks();
    return code;
  }

  test("writes what the server has, only if it has changed", async () => {
    answer = (method) => (method === "rpc.typescript" ? "export {};\n" : undefined);
    const out = join(folder, "deep", "rpc.ts");
    expect(await run("gen", url, "--out", out, "--check")).toBe(1);
    expect(printed).toContain("run the same without --check");
    expect(existsSync(out)).toBe(false);
    expect(await run("gen", url, "--out", out)).toBe(0);
    expect(readFileSync(out, "utf8")).toBe("export {};\n");
    expect(printed).toContain("written");
    expect(await run("gen", url, "--out", out)).toBe(0);
    expect(printed).toBe(`${out} is current\n`);
    expect(await run("gen", url, "--out", out, "--check", "--token", "secret")).toBe(0);
    writeFileSync(out, "// by hand\n");
    expect(await run("gen", url, "--out", out, "--check")).toBe(1);
    expect(printed).toContain("line 1\n- // by hand\n+ export {};\n");
    expect(readFileSync(out, "utf8")).toBe("// by hand\n");
  });

  test("shows where a stale file differs, and not much of it", async () => {
    const lines = (...changed: string[]) => ["first", ...changed, "last", ""].join("\n");
    answer = () => lines(...Array.from({ length: 100 }, (_, i) => `new ${i}`));
    const out = join(folder, "rpc.ts");
    writeFileSync(out, lines("old"));
    expect(await run("gen", url, "--out", out, "--check")).toBe(1);
    expect(printed).toContain("line 2\n- old\n+ new 0\n");
    expect(printed).not.toMatch(/first|last|new 50/);
    expect(printed).toMatch(/… and \d+ more lines/);
  });

  test("says what is missing", async () => {
    expect(await run()).toBe(2);
    expect(await run("gen", url)).toBe(2);
    expect(printed).toContain("--out is missing");
    expect(await run("--version")).toBe(0);
    expect(printed).toBe(`trunkline ${packageJson.version}\n`);
    expect(await run("gen", url, "--oops")).toBe(2);
    expect(await run("--help")).toBe(0);
    expect(printed).toContain("Usage: trunkline gen <url> --out <file>");
    expect(await run("gen", url, "--out", join(folder, "rpc.ts"))).toBe(2);
    expect(printed).toContain("does not give its types away: allow it in its builder");
    refusal = "UNAUTHENTICATED";
    expect(await run("gen", url, "--out", join(folder, "rpc.ts"))).toBe(2);
    expect(printed).toMatch(/not logged in: pass a --token, or allow it in its builder/);
    expect(await run("gen", "ws://127.0.0.1:1", "--out", join(folder, "rpc.ts"), "--check")).toBe(2);
    expect(printed).toContain("there is no connection");
  });
});
