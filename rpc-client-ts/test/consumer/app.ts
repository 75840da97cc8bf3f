/**
 * A user's program: the generated file and the client, as they see them. `scripts/consumers.mjs` compiles it with every
 * version of TypeScript that is supported; it never runs.
 */

import { type Client, connect, isRpcError, type RpcError } from "trunkline";
import { api, setup } from "trunkline/compat";
import { connect as connectCore } from "trunkline/core";
import { msgpack } from "trunkline/msgpack";
import { rpc } from "trunkline/tanstack-query";
import { Calls, type Failure, Failures, Flows, Worker } from "./fixture.ts";

export async function main(): Promise<void> {
  await using client: Client = connect("/rpc", { token: () => localStorage.getItem("token"), codec: msgpack });
  await client.ready;
  const calls = client.service(Calls);
  const sum: number = await calls.add(1, 2, { timeout: 2_000, signal: AbortSignal.timeout(1_000) });
  await calls.note(`the sum is ${sum}`);
  const large: [Uint8Array, bigint | null, bigint] = await calls.large(1n, null, new Uint8Array([1]));
  console.log(large, rpc(calls, "greet", "ann").queryKey);
  const failed = await client.service(Failures).fail("NoSuchRoom").result();
  if (!failed.ok) console.log(explain(failed.error));
}

export async function streams(client: Client): Promise<void> {
  const flows = client.service(Flows);
  for await (const part of flows.large()) console.log(part.at satisfies bigint);
  const doubled: AsyncIterable<number> = flows.double([1, 2], { signal: AbortSignal.timeout(1_000) });
  const [name, parts] = await flows.store("a", [{ at: 1n, bytes: new Uint8Array() }]);
  flows.large().subscribe({ error: (error) => console.log(explain(error)) })();
  console.log(doubled, name, parts.length);
  client.expose(Worker, { scan: async (jobs, { signal }) => (signal.aborted ? 0n : BigInt(jobs.length)), told: () => {} })();
  console.log(await connectCore("/rpc").service(Calls).add(1));
}

export function explain(error: RpcError<Failure>): string {
  if (error.kind === "rpc") return `${error.code} ${error.retryAfterMs ?? 0} ${error.reference ?? ""}`;
  switch (error.code) {
    case "NO_SUCH_ROOM":
      return error.data.roomName;
    default:
      return error.code;
  }
}

export async function untyped(): Promise<unknown> {
  setup({ url: "ws://localhost:8003/ws", uid: "user-123", access_token: "a-valid-user-token" });
  try {
    return await api({ method: "echo", body: { message: "hi" } });
  } catch (error) {
    if (isRpcError(error)) return error.code;
    throw error;
  }
}
