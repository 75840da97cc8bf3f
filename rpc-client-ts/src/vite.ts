/**
 * A plugin for Vite that generates the file anew whenever a Rust source changes, while the development server runs. A build
 * never calls it.
 *
 * ```ts
 * plugins: [trunkline({ run: "cargo rpc --out web/src/rpc.ts", watch: "../server/src", cwd: ".." })]
 * ```
 */

import { spawn } from "node:child_process";
import { resolve } from "node:path";

/** What to run, and when. */
export interface TrunklineOptions {
  /** The command that generates. */
  readonly run: string;
  /** The folders with the Rust sources, relative to Vite's root: `"src"` unless set. */
  readonly watch?: string | string[] | undefined;
  /** Where to run it: where Vite was started unless set. */
  readonly cwd?: string | undefined;
}

/** What the plugin needs of Vite's development server. */
export interface DevServer {
  readonly watcher: {
    add(paths: string | string[]): unknown;
    on(event: "all", listener: (event: string, path: string) => void): unknown;
  };
  readonly config: { readonly root: string };
}

/** The plugin, as Vite takes it. */
export interface TrunklinePlugin {
  name: string;
  apply: "serve";
  configureServer(server: DevServer): void;
}

/** Generates when the development server starts, and on each change of a `.rs` file. */
export function trunkline({ run, watch = "src", cwd }: TrunklineOptions): TrunklinePlugin {
  let running = false;
  let again = false;
  const generate = () => {
    // Changes that come meanwhile are seen by one more run.
    again = running;
    if (running) return;
    running = true;
    const child = spawn(run, { shell: true, stdio: "inherit", cwd });
    child.on("error", (error) => {
      console.error(`trunkline: \`${run}\` could not be started: is \`cwd\` right? ${error.message}`);
    });
    // Comes also after an error.
    child.on("close", () => {
      running = false;
      if (again) generate();
    });
  };
  return {
    name: "trunkline",
    apply: "serve",
    configureServer({ watcher, config }) {
      watcher.add([watch].flat().map((folder) => resolve(config.root, folder)));
      watcher.on("all", (_event, path) => {
        if (path.endsWith(".rs")) generate();
      });
      generate();
    },
  };
}
