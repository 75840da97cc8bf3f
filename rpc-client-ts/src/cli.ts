#!/usr/bin/env node
/**
 * `trunkline gen`: fetches the generated file from a running server, for those who have no Rust toolchain. The server has to
 * allow it.
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "./client.ts";
import { isRpcError } from "./error.ts";

const USAGE = `Usage: trunkline gen <url> --out <file> [--check] [--token <token>]

  --out <file>      where the TypeScript goes; it is written only if it has changed
  --check           write nothing, and fail with a diff if the file is not what the server has
  --token <token>   the credential: the variable TRUNKLINE_TOKEN unless set
  --version         print the version

The exit code is 0 when all is well, 1 when --check finds a stale file, 2 for everything else.`;

/** Whether everything is as it should be. */
async function gen(url: string, out: string, check: boolean, token: string | undefined): Promise<boolean> {
  const fresh = await fetchTypes(url, token);
  const old = await readFile(out, "utf8").catch(() => undefined);
  if (old === fresh) {
    console.log(`${out} is current`);
    return true;
  }
  if (check) {
    const shown = old === undefined ? "there is no such file" : difference(old, fresh);
    console.error(`${out} is not what ${url} has: run the same without --check\n${shown}`);
    return false;
  }
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, fresh);
  console.log(`${out} written`);
  return true;
}

/** Where two texts differ, from the first such line to the last, cut after a few. */
function difference(old: string, fresh: string): string {
  const [before, after] = [old.split("\n"), fresh.split("\n")];
  const start = before.findIndex((line, i) => line !== after[i]);
  const from = start < 0 ? before.length : start;
  while (Math.min(before.length, after.length) > from && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  const lines = (mark: string, lines: string[]) => {
    const changed = lines.slice(from).map((line) => `${mark} ${line}`);
    const more = changed.splice(SHOWN).length;
    return more > 0 ? [...changed, `… and ${more} more lines`] : changed;
  };
  return [`line ${from + 1}`, ...lines("-", before), ...lines("+", after)].join("\n");
}

/** How many lines of each text are shown. */
const SHOWN = 20;

async function fetchTypes(url: string, token: string | undefined): Promise<string> {
  const client = connect(url, { token });
  try {
    await client.ready;
    const source = await client.call("rpc.typescript");
    if (typeof source !== "string")
      throw new TypeError("the server answered rpc.typescript with something else than text");
    return source;
  } catch (error) {
    const code = isRpcError(error) && error.method && error.code;
    const cause = error;
    if (code === "UNIMPLEMENTED") throw new Error(`${KEPT}: ${ALLOW}`, { cause });
    // Before the login, servers answer like this also for what they do not have.
    if (code === "UNAUTHENTICATED") {
      const login = token === undefined ? "pass a --token" : "pass the --token of somebody who may ask";
      throw new Error(`${KEPT}, at least to those who are not logged in: ${login}, or ${ALLOW}`, { cause });
    }
    throw error;
  } finally {
    await client.close();
  }
}

const KEPT = "this server does not give its types away";
const ALLOW = "allow it in its builder with `.introspection(..)`, or generate with `cargo rpc`";

const VERSION = "0.1.0";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: "string" },
      check: { type: "boolean", default: false },
      token: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", short: "V", default: false },
    },
  });
  const [command, url, ...rest] = positionals;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.version) {
    console.log(`trunkline ${VERSION}`);
    return 0;
  }
  if (command === "gen" && url && !values.out) {
    console.error("trunkline: --out is missing: the file to write, as in `--out src/rpc.ts`");
    return 2;
  }
  if (command !== "gen" || !url || rest.length > 0 || !values.out) {
    console.error(USAGE);
    return 2;
  }
  return (await gen(url, values.out, values.check, values.token ?? process.env.TRUNKLINE_TOKEN)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`trunkline: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
