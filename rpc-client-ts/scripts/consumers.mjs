/**
 * Compiles the generated file of the fixture, a program that uses it, the files that the generator's own tests keep, and the
 * examples of the documentation, as those do who install the package: packed, and under strict TypeScript 5.9, 6 and 7, for Node and
 * for bundlers.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSIONS = ["typescript-5.9", "typescript-6", "typescript"];
const RESOLUTIONS = [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }];

/** The pages whose examples are compiled. */
const PAGES = ["README.md", "../README.md", "../docs/typescript.md"];

/** What the generator's tests keep, beside this package. */
const GOLDEN = ["chat.ts", "odd.ts"];

const root = fileURLToPath(new URL("..", import.meta.url));
const fixture = join(root, "test/fixture.ts");
if (!existsSync(fixture)) {
  console.error("there is no test/fixture.ts: `cargo xtask gen` writes it");
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "trunkline-consumer-"));
try {
  install();
  copyFileSync(fixture, join(folder, "fixture.ts"));
  for (const file of ["app.ts", "rpc.ts"]) copyFileSync(join(root, "test/consumer", file), join(folder, file));
  for (const file of GOLDEN) copyFileSync(join(root, "../codegen/tests/golden", file), join(folder, file));
  const pages = PAGES.map((_, i) => `examples${i}.ts`);
  for (const [i, file] of pages.entries()) writeFileSync(join(folder, file), examples(PAGES[i]));
  let failed = false;
  for (const version of VERSIONS) {
    for (const resolution of RESOLUTIONS) {
      // What an example exports need not be annotated.
      const generated = compiles(version, resolution, ["app.ts", ...GOLDEN], true);
      const all = [generated, compiles(version, resolution, pages, false)];
      failed ||= all.includes(false);
    }
  }
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}

/** The examples of a page as one module, with what they take for granted. */
function examples(page) {
  const blocks = [...readFileSync(join(root, page), "utf8").matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  if (blocks.length === 0) throw new Error(`${page} has no example`);
  const given = [
    "signal: AbortSignal",
    "fetchToken: () => Promise<string>",
    ...["retry", "show", "wait", "again"].map((name) => `${name}: (it?: unknown) => void`),
  ];
  return [...given.map((it) => `declare const ${it};\n`), ...blocks].join("\n");
}

/** Puts the package there as npm would. */
function install() {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const packed = execFileSync(npm, ["pack", "--silent", "--pack-destination", folder], { cwd: root, encoding: "utf8" });
  const target = join(folder, "node_modules/trunkline");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, packed.trim()), "-C", target, "--strip-components=1"]);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
}

function compiles(version, resolution, files, isolatedDeclarations) {
  const compilerOptions = {
    ...resolution,
    target: "es2022",
    lib: ["es2022", "dom"],
    types: [],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    isolatedModules: true,
    isolatedDeclarations,
    declaration: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const name = `${version}, ${resolution.module}, ${files.join(" ")}`;
  try {
    execFileSync(process.execPath, [join(root, "node_modules", version, "bin/tsc"), "-p", folder], {
      encoding: "utf8",
    });
    console.log(`${name}: fine`);
    return true;
  } catch (error) {
    console.error(`${name}:\n${error.stdout}${error.stderr}`);
    return false;
  }
}
