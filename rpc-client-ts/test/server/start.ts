/**
 * Starts the real server for the tests in this folder, once for Node and once for the browser. It ends with its standard
 * input, so it never outlives the tests.
 */

import { spawn } from "node:child_process";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the server listens, as `127.0.0.1:PORT`; empty if there is none. */
    server: string;
  }
}

export default async function start(project: TestProject): Promise<(() => void) | undefined> {
  const program = process.env.TRUNKLINE_FIXTURE;
  project.provide("server", "");
  if (!program) return undefined;
  const server = spawn(program, ["--listen", "127.0.0.1:0"], { stdio: ["pipe", "pipe", "inherit"] });
  const address = await new Promise<string>((resolve, reject) => {
    let output = "";
    server.stdout.on("data", (data) => {
      output += data;
      const [line, rest] = output.split("\n", 2);
      if (rest !== undefined) resolve((JSON.parse(line ?? "") as { listening: string }).listening);
    });
    server.on("error", reject);
    server.on("exit", (code) => reject(new Error(`${program} ended with ${code} before it listened: ${output}`)));
  });
  project.provide("server", address);
  return () => {
    server.kill();
  };
}
