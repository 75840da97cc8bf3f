/**
 * The two functions of cloud-socket, `setup` and `api`, for code that was written for it: no generated file is needed.
 *
 * ```ts
 * setup({ url: "ws://localhost:8003/ws", uid: "user-123", access_token: "…" });
 * const reply = await api({ method: "echo", body: { message: "hi" } });
 * ```
 */

import { type CoreClient, connect } from "./client.ts";

/** Where to connect to, and as whom. */
export interface Setup {
  /** Where the server is: `/ws` of the page unless set. */
  readonly url?: string | undefined;
  /** Who the client says it is. */
  readonly uid?: string | undefined;
  /** The credential. */
  readonly access_token?: string | undefined;
  /** The key that the messages are sealed with. Not available in this version. */
  readonly crypto_key?: string | undefined;
  /** What the key belongs to. Not available in this version. */
  readonly realm?: string | undefined;
}

/** One call. */
export interface ApiCall {
  /** The method, by its name on the wire. */
  readonly method: string;
  /** All of its parameters, as one value. */
  readonly body?: unknown;
}

let client: CoreClient | undefined;

/**
 * Connects, as `api` needs it. Called again, it closes the connection and makes one with the new values.
 *
 * Throws if there is a `crypto_key`: nothing is sent in the clear that was meant to be sealed.
 */
export function setup({ url = "/ws", uid, access_token, crypto_key, realm }: Setup): void {
  if (crypto_key !== undefined || realm !== undefined) {
    throw new Error(
      "sealed connections are not there yet: leave out `crypto_key` and `realm`, and use `wss://` meanwhile",
    );
  }
  void client?.close();
  client = connect(url, { uid, token: access_token });
}

/** Calls a method; resolves to what it answers, and rejects with an `RpcError`. */
export async function api<T = unknown>({ method, body }: ApiCall): Promise<T> {
  if (!client) throw new Error("there is no connection: call `setup({ url })` first");
  return await client.call<T>(method, body);
}
