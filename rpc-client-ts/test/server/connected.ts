/**
 * Clients of the real server.
 */

import { onTestFinished } from "vitest";
import { type Client, type ClientOptions, connect } from "../../src/index.ts";
import { json } from "../../src/json.ts";
import { msgpack } from "../../src/msgpack.ts";
import { serverUrl } from "./address.ts";

/** Each codec, for tests that hold in both. */
export const CODECS = [
  { name: "json", codec: json },
  { name: "msgpack", codec: msgpack },
] as const;

/**
 * A client that the server has accepted, as ann unless `options` say something else; it is closed when the test is over.
 */
export async function connected(options: ClientOptions = {}): Promise<Client> {
  const client = connect(serverUrl(), { token: "tok-ann", ...options });
  onTestFinished(() => client.close());
  await client.ready;
  return client;
}
