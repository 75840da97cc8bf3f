/**
 * What TanStack Query makes of our options.
 */

import { QueryClient, QueryObserver } from "@tanstack/query-core";
import { queryOptions, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { expectTypeOf, test } from "vitest";
import type { Call, CallOptions, RpcError } from "../src/index.ts";
import { rpc } from "../src/tanstack-query.ts";

type ChatError = { code: "NO_SUCH_ROOM"; data: { room: string } };

interface Chat {
  history(room: string, limit?: number, options?: CallOptions): Call<string[], ChatError>;
  rooms(options?: CallOptions): Call<string[]>;
  body(options: { a: number }, options2?: CallOptions): Call<number>;
  typing(options?: CallOptions): Call<void>;
}

declare const chat: Chat;

test("data and error have their types in hooks", () => {
  const { data, error } = useQuery(rpc(chat, "history", "lobby", 20));
  expectTypeOf(data).toEqualTypeOf<string[] | undefined>();
  expectTypeOf(error).toEqualTypeOf<RpcError<ChatError> | null>();
  if (error?.code === "NO_SUCH_ROOM") expectTypeOf(error.data.room).toEqualTypeOf<string>();
  expectTypeOf(useSuspenseQuery(rpc(chat, "rooms")).data).toEqualTypeOf<string[]>();
});

test("options go on from there", () => {
  const first = useQuery({ ...rpc(chat, "history", "lobby"), select: (messages) => messages[0], staleTime: 1000 });
  expectTypeOf(first.data).toEqualTypeOf<string | undefined>();
  expectTypeOf(useQuery(queryOptions(rpc(chat, "rooms"))).data).toEqualTypeOf<string[] | undefined>();
});

test("the core takes them as well", async () => {
  const queries = new QueryClient();
  expectTypeOf(queries.fetchQuery(rpc(chat, "body", { a: 1 }))).resolves.toEqualTypeOf<number>();
  expectTypeOf(queries.prefetchQuery(rpc(chat, "rooms"))).resolves.toEqualTypeOf<void>();
  expectTypeOf(new QueryObserver(queries, rpc(chat, "rooms")).getCurrentResult().data).toEqualTypeOf<
    string[] | undefined
  >();
});

test("arguments are checked, and so is the method", () => {
  // @ts-expect-error the room is missing
  rpc(chat, "history");
  // @ts-expect-error the room is no number
  rpc(chat, "history", 5);
  // @ts-expect-error options belong to the query
  rpc(chat, "history", "lobby", 5, { timeout: 5 });
  // @ts-expect-error it gives nothing back
  rpc(chat, "typing");
  // @ts-expect-error there is no such method
  rpc(chat, "shout");
});
