/**
 * How large code is when it reaches a browser: bundled and minified by esbuild, compressed by gzip -9.
 */

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The size in bytes of `source`, whose imports are looked up in `folder`: minified, and compressed as well. */
export async function measure(source, folder) {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: folder, loader: "ts" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "browser",
    logLevel: "error",
  });
  const code = outputFiles[0].contents;
  return { minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

/** Prints rows as a table with aligned columns. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => `${row[column]}`.length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? `${cell}`.padEnd(widths[i]) : `${cell}`.padStart(widths[i])));
    console.log(cells.join("  ").trimEnd());
  }
}
