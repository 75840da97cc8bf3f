/**
 * `setup` and `api`, the two functions of cloud-socket.
 */

import { afterEach, expect, test, vi } from "vitest";
import { FakeSocket, turn } from "./support/fake.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

test("they connect, call, and connect anew", async () => {
  vi.resetModules();
  const sockets: FakeSocket[] = [];
  class Dialled extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  vi.stubGlobal("WebSocket", Dialled);
  const { api, setup } = await import("../src/compat.ts");

  await expect(api({ method: "echo", body: {} })).rejects.toThrow("call `setup({ url })` first");

  setup({ url: "ws://localhost:8003/ws", uid: "user-123", access_token: "a-valid-user-token" });
  const reply = api({ method: "echo", body: { message: "hi" } });
  await turn();
  sockets[0]?.open();
  expect(sockets[0]?.frames()).toEqual([
    [1, expect.objectContaining({ uid: "user-123", token: "a-valid-user-token" })],
    [3, 1, "echo", 0, { message: "hi" }],
  ]);
  sockets[0]?.receive([2, { v: 1, session: "s", user: "user-123" }], [5, 1, 0, { response: "Your message was: 'hi'" }]);
  expect(await reply).toEqual({ response: "Your message was: 'hi'" });

  setup({ url: "ws://localhost:8004/ws" });
  await turn();
  expect(sockets[0]?.closed).toMatchObject({ code: 1000 });
  expect(sockets[1]?.url).toBe("ws://localhost:8004/ws");
});

test("nothing goes out in the clear that was meant to be sealed", async () => {
  const { setup } = await import("../src/compat.ts");
  expect(() => setup({ url: "ws://localhost", crypto_key: "key", realm: "echo.example" })).toThrow(
    "leave out `crypto_key`",
  );
});
