/**
 * Logging in on a connection, refreshing a login before it ends, and learning that it has ended.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientOptions } from "../src/index.ts";
import { connected, type FakeSocket, turn } from "./support/fake.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const welcome = (expires_ms?: number) => [2, { v: 1, session: "s", user: "ada", expires_ms }];

/** A client that is logged in for so long; its tokens are numbered. */
async function loggedIn(expires_ms?: number, options: ClientOptions = {}) {
  let count = 0;
  const token = vi.fn(() => `t${count++}`);
  const { client, socket } = await connected({ token, ...options }, welcome(expires_ms));
  const seen: unknown[] = [];
  client.onState((state, _close, user) => seen.push([state, user]));
  return { client, socket, seen, token };
}

/** The requests that the client has sent by now. */
async function requests(socket: FakeSocket): Promise<unknown[]> {
  await turn();
  return socket.frames();
}

const refresh = (id: number, token: string) => [3, id, "rpc.refresh", 0, { token }];

describe("a client", () => {
  test("logs in on the connection it has", async () => {
    const { client, socket } = await connected({ uid: "ada" });
    const seen: unknown[] = [];
    client.onState((...state) => seen.push(state));
    const login = client.login("secret");
    expect(await requests(socket)).toEqual([[3, 1, "rpc.login", 0, { token: "secret", uid: "ada" }]]);
    expect(client.user).toBe(undefined);
    socket.receive([5, 1, 0, { user: "ada" }]);
    await login;
    expect(client.user).toBe("ada");
    expect(seen).toEqual([["open", undefined, "ada"]]);
  });

  test("may try again when it is refused", async () => {
    const { client, socket } = await connected();
    const login = client.login("wrong");
    await turn();
    socket.receive([7, 1, { code: "UNAUTHENTICATED", message: "who?" }]);
    await expect(login).rejects.toMatchObject({ code: "UNAUTHENTICATED", method: "rpc.login", message: "who?" });
    expect(client.state).toBe("open");
    const again = client.login("right");
    await turn();
    socket.receive([5, 3, 0, { user: "ada" }]);
    await again;
    expect(client.user).toBe("ada");
  });

  test("renews its login, with a token that is passed or fetched", async () => {
    const { client, socket, seen } = await loggedIn();
    const passed = client.refresh("other");
    expect(await requests(socket)).toEqual([refresh(1, "other")]);
    const fetched = client.refresh();
    expect(await requests(socket)).toEqual([refresh(3, "t1")]);
    socket.receive([5, 1, 0, { user: "ada" }], [5, 3, 0, { user: "ada" }]);
    await Promise.all([passed, fetched]);
    // Nothing has changed that a page shows.
    expect(seen).toEqual([]);
  });

  test("is not open again when its connection ends right behind the answer", async () => {
    const { client, socket } = await connected();
    const login = client.login("secret");
    await turn();
    socket.emit("message", { data: '[5,1,0,{"user":"ada","expires_ms":1000}]\n[99]' });
    await login;
    expect(client.state).toBe("closed");
    expect(client.user).toBe(undefined);
  });
});

describe("a login that ends", () => {
  test("is refreshed at four fifths of its time, again and again", async () => {
    const { client, socket, seen } = await loggedIn(100_000);
    for (const [id, token] of [
      [1, "t1"],
      [3, "t2"],
    ] as const) {
      await vi.advanceTimersByTimeAsync(79_999);
      expect(socket.frames()).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(await requests(socket)).toEqual([refresh(id, token)]);
      socket.receive([5, id, 0, { user: "ada", expires_ms: 100_000 }]);
      await turn();
    }
    expect([client.user, seen]).toEqual(["ada", []]);
  });

  test("is refreshed soon after the notice of its end", async () => {
    const { client, socket } = await loggedIn();
    const listener = vi.fn();
    client.on("rpc.expiring", listener);
    socket.receive([4, "rpc.expiring", 0, { expires_ms: 8_000 }]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await requests(socket)).toEqual([refresh(1, "t1")]);
    socket.receive([5, 1, 0, { user: "ada" }]);
    await vi.advanceTimersByTimeAsync(1e6);
    expect([client.user, socket.frames()]).toEqual(["ada", []]);
    expect(listener).not.toHaveBeenCalled();
  });

  test("is refreshed again while that may help, and not beyond its end", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { socket, seen } = await loggedIn(100_000);
    await vi.advanceTimersByTimeAsync(80_000);
    socket.frames();
    socket.receive([7, 1, { code: "UNAVAILABLE", retry_ms: 5_000 }]);
    await vi.advanceTimersByTimeAsync(5_001);
    expect(await requests(socket)).toEqual([refresh(3, "t2")]);
    socket.receive([7, 3, { code: "RESOURCE_EXHAUSTED", retry_ms: 60_000 }]);
    await vi.advanceTimersByTimeAsync(14_998);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    expect(seen).toEqual([["open", undefined]]);
    expect(socket.frames()).toEqual([]);
    expect(warn).toHaveBeenCalledTimes(2);
  });

  test("is not refreshed again by what the server does not accept", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { client, socket, seen } = await loggedIn(100_000);
    await vi.advanceTimersByTimeAsync(80_000);
    socket.frames();
    socket.receive([7, 1, { code: "UNAUTHENTICATED" }]);
    await vi.advanceTimersByTimeAsync(19_999);
    expect(client.user).toBe("ada");
    await vi.advanceTimersByTimeAsync(10);
    expect([client.user, seen]).toEqual([undefined, [["open", undefined]]]);
    expect(socket.frames()).toEqual([]);
    // The same user may come back.
    const back = client.login("new");
    await turn();
    socket.receive([5, 3, 0, { user: "ada" }]);
    await back;
    expect(seen.at(-1)).toEqual(["open", "ada"]);
  });

  test("is refreshed again when the token could not be fetched", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    let online = true;
    const token = async () => {
      if (!online) throw new Error("offline");
      return "fresh";
    };
    const { socket } = await loggedIn(100_000, { token });
    online = false;
    await vi.advanceTimersByTimeAsync(80_000);
    expect(socket.frames()).toEqual([]);
    online = true;
    await vi.advanceTimersByTimeAsync(1_001);
    expect(await requests(socket)).toEqual([refresh(1, "fresh")]);
  });

  test("ends where there is no other token, and the client learns it", async () => {
    const { client, socket, seen } = await loggedIn(100_000, { token: "the only one" });
    await vi.advanceTimersByTimeAsync(99_999);
    expect(client.user).toBe("ada");
    await vi.advanceTimersByTimeAsync(10);
    expect(client.user).toBe(undefined);
    expect(seen).toEqual([["open", undefined]]);
    expect(socket.frames()).toEqual([]);
  });

  test("is left alone once somebody has logged in meanwhile", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { client, socket, seen } = await loggedIn(100_000);
    await vi.advanceTimersByTimeAsync(80_000);
    void client.login("by hand");
    await turn();
    socket.receive([5, 3, 0, { user: "ada" }], [7, 1, { code: "UNAVAILABLE" }]);
    socket.frames();
    await vi.advanceTimersByTimeAsync(1e6);
    expect([client.user, seen, socket.frames()]).toEqual(["ada", [], []]);
  });

  test("may be months away", async () => {
    const { client, socket, token } = await loggedIn(1e12, { token: "the only one" });
    await vi.advanceTimersByTimeAsync(1e9);
    expect([client.user, socket.frames(), token.mock.calls]).toEqual(["ada", [], []]);
  });

  test("does not outlive its connection", async () => {
    const { client, socket, seen } = await loggedIn(100_000);
    socket.end(4403, "revoked");
    expect(seen).toEqual([["closed", "ada"]]);
    expect(await client.call("a").result()).toMatchObject({
      error: { code: "UNAUTHENTICATED", message: "the connection is closed (4403: revoked)" },
    });
    await vi.advanceTimersByTimeAsync(1e6);
    expect(seen.length).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
