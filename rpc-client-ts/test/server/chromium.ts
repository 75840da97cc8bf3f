/**
 * The Chromium that the tests use.
 */

export const CHROMIUM_PATH: string = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Chromium must not try to reach its maker, or each start takes long where there is no network. */
export const CHROMIUM_ARGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
