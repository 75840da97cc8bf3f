/**
 * What users see of the types.
 */

import type { Plugin } from "vite";
import { assertType, expectTypeOf, test } from "vitest";
import NodeWebSocket from "ws";
import {
  type AppError,
  type Call,
  type CallOptions,
  type Client,
  type ClientOptions,
  type Code,
  connect,
  isRpcError,
  type Result,
  RpcError,
  type ServiceDef,
} from "../src/index.ts";
import { msgpack } from "../src/msgpack.ts";
import { revive } from "../src/revive.ts";
import { trunkline } from "../src/vite.ts";

type Message = { id: number; text: string };
type ChatError = { code: "NO_SUCH_ROOM"; data: { room: string } } | { code: "CLOSED" };

interface Chat {
  say(room: string, text: string, options?: CallOptions): Call<Message, ChatError>;
  history(room: string, limit?: number, options?: CallOptions): Call<Message[], ChatError>;
  typing(options?: CallOptions): Call<void>;
  getAvatar(id: bigint, options?: CallOptions): Call<Uint8Array>;
}

const Chat: ServiceDef<Chat> = {
  name: "Chat",
  hash: "46a23d996c12a25b",
  revive,
  plans: { Tree: { o: { children: { a: "Tree" } } } },
  methods: {
    say: { p: ["room", "text"] },
    history: { p: ["room", "limit"], i: 1 },
    typing: { p: [], k: 1 },
    getAvatar: { n: "get_avatar", p: ["id"], x: 1, r: [1] },
  },
};

declare const client: Client;
const chat = client.service(Chat);

test("a service is its interface", () => {
  expectTypeOf(chat).toEqualTypeOf<Chat>();
  expectTypeOf(chat.say("lobby", "hi")).toEqualTypeOf<Call<Message, ChatError>>();
  expectTypeOf(chat.say("lobby", "hi")).resolves.toEqualTypeOf<Message>();
  // @ts-expect-error a parameter is missing
  chat.say("lobby");
  // @ts-expect-error a parameter is of another type
  chat.getAvatar(5);
  // @ts-expect-error there is no such method
  chat.shout("lobby");
});

test("a descriptor has every method, and only those", () => {
  // @ts-expect-error `typing` and others are missing
  assertType<ServiceDef<Chat>>({ name: "Chat", hash: "", methods: { say: { p: [] } } });
});

test("an error narrows by kind and code", async () => {
  const r = await chat.say("lobby", "hi").result();
  expectTypeOf(r).toEqualTypeOf<Result<Message, ChatError>>();
  if (r.ok) {
    expectTypeOf(r.value).toEqualTypeOf<Message>();
    return;
  }
  const { error } = r;
  expectTypeOf(error.maybeExecuted).toEqualTypeOf<boolean>();
  expectTypeOf(error.method).toEqualTypeOf<string>();
  expectTypeOf(error.message).toEqualTypeOf<string>();
  if (error.kind === "app") {
    expectTypeOf(error.code).toEqualTypeOf<"NO_SUCH_ROOM" | "CLOSED">();
    switch (error.code) {
      case "NO_SUCH_ROOM":
        expectTypeOf(error.data).toEqualTypeOf<{ room: string }>();
        break;
      case "CLOSED":
        expectTypeOf(error.data).toEqualTypeOf<undefined>();
        break;
      default:
        assertType<never>(error);
    }
    // @ts-expect-error no such code
    assertType(error.code === "RESOURCE_EXHAUSTED");
  } else {
    expectTypeOf(error.code).toEqualTypeOf<Code>();
    expectTypeOf(error.retryAfterMs).toEqualTypeOf<number | undefined>();
    expectTypeOf(error.reference).toEqualTypeOf<string | undefined>();
  }
  if (error.code === "NO_SUCH_ROOM") expectTypeOf(error.data.room).toEqualTypeOf<string>();
  if (error.code === "RESOURCE_EXHAUSTED") expectTypeOf(error.kind).toEqualTypeOf<"rpc">();
});

test("a method without errors of its own fails with codes only", async () => {
  const r = await chat.getAvatar(1n).result();
  if (!r.ok) expectTypeOf(r.error.kind).toEqualTypeOf<"rpc">();
});

test("what was thrown is looked at with isRpcError", () => {
  const thrown: unknown = new Error();
  if (isRpcError<ChatError>(thrown) && thrown.kind === "app" && thrown.code === "NO_SUCH_ROOM") {
    expectTypeOf(thrown.data.room).toEqualTypeOf<string>();
  }
  if (isRpcError(thrown)) expectTypeOf(thrown).toEqualTypeOf<RpcError<AppError>>();
  if (thrown instanceof RpcError) expectTypeOf(thrown.maybeExecuted).toEqualTypeOf<boolean>();
});

test("calls without generated code say what they expect", () => {
  expectTypeOf(client.call("add", [1, 2])).toEqualTypeOf<Call<unknown, AppError>>();
  expectTypeOf(client.call<number>("add", [1, 2])).resolves.toEqualTypeOf<number>();
  expectTypeOf(client.call<number, ChatError>("add")).toEqualTypeOf<Call<number, ChatError>>();
  client.on<{ msg: string }>("announcement", (data) => expectTypeOf(data.msg).toEqualTypeOf<string>());
  client.on("announcement", (data) => expectTypeOf(data).toEqualTypeOf<unknown>());
});

test("a call without generated code may fail with any typed error", async () => {
  const r = await client.call<number>("add", [1, 2]).result();
  if (!r.ok) {
    expectTypeOf(r.error.kind).toEqualTypeOf<"app" | "rpc">();
    if (r.error.kind === "app") {
      expectTypeOf(r.error.code).toEqualTypeOf<string>();
      expectTypeOf(r.error.data).toEqualTypeOf<unknown>();
    }
  }
});

test("options may be undefined", () => {
  const token = undefined as string | undefined;
  assertType<ClientOptions>({ token, codec: undefined, timeout: undefined });
  connect("/rpc", { token: () => localStorage.getItem("token"), codec: msgpack });
  connect(new URL("wss://host/rpc"), { token: async () => undefined });
  chat.say("lobby", "hi", { signal: undefined, timeout: undefined, meta: undefined });
  // @ts-expect-error a token is no number
  connect("/rpc", { token: 5 });
});

test("a WebSocket is the platform's or that of `ws`", () => {
  connect("ws://host", { WebSocket });
  connect("ws://host", { WebSocket: NodeWebSocket });
});

test("the plugin is one for Vite", () => {
  assertType<Plugin>(trunkline({ run: "cargo rpc --out web/src/rpc.ts", watch: ["../server/src"], cwd: ".." }));
});
