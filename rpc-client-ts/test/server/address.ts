/**
 * Where the real server of these tests listens.
 */

import { inject } from "vitest";

/** The URL of the server. Throws if there is none: a test that needs it must not pass without. */
export function serverUrl(): string {
  const address = inject("server");
  if (address) return `ws://${address}`;
  throw new Error(
    "there is no server to test against: run `cargo xtask test typescript`, or build `trunkline-fixture` and name it in TRUNKLINE_FIXTURE",
  );
}
