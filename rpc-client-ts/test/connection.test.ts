/**
 * A connection from the hello to the end, and what becomes of calls.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import vectors from "../../tests/vectors/native.json" with { type: "json" };
import { connect, isRpcError, type State } from "../src/index.ts";
import { msgpack } from "../src/msgpack.ts";
import { connected, dial, turn, WELCOME } from "./support/fake.ts";
import { bytes } from "./support/hex.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the URL", () => {
  test("may be http or https", async () => {
    const urls: string[] = [];
    class Seen {
      binaryType = "";
      bufferedAmount = 0;
      protocol = "";
      constructor(url: string) {
        urls.push(url);
      }
      addEventListener(): void {}
      send(): void {}
      close(): void {}
    }
    connect("http://host/rpc?x=1#y", { WebSocket: Seen });
    connect(new URL("https://host:8443/"), { WebSocket: Seen });
    await turn();
    expect(urls).toEqual(["ws://host/rpc?x=1", "wss://host:8443/"]);
  });

  test("has to be one", () => {
    expect(() => connect("ftp://host/rpc")).toThrow(TypeError);
    expect(() => connect("ws://")).toThrow("cannot be dialled");
  });

  test("may be relative to the page, where there is one", async () => {
    if (typeof document === "undefined") {
      expect(() => connect("/rpc")).toThrow("write it as");
    } else {
      const urls: string[] = [];
      class Seen {
        constructor(url: string) {
          urls.push(url);
          throw new Error("enough");
        }
      }
      connect("/rpc", { WebSocket: Seen as never });
      await turn();
      expect(urls).toEqual([`ws://${location.host}/rpc`]);
    }
  });
});

describe("the token", () => {
  test("may be fetched", async () => {
    const { client, socket } = await dial({ token: async () => "fresh" });
    await turn();
    socket.open();
    expect(socket.frames()[0]).toMatchObject([1, { token: "fresh" }]);
    socket.receive([2, { v: 1, session: "s", user: "ada" }]);
    await client.ready;
    expect(client.user).toBe("ada");
  });

  test("may be missing", async () => {
    const { client, socket } = await dial({ token: () => null });
    socket.open();
    expect(Object.keys(socket.frames()[0]?.[1] as object)).not.toContain("token");
    socket.receive(WELCOME);
    await client.ready;
  });

  test("that cannot be fetched ends it", async () => {
    const cause = new Error("offline");
    const { client } = await dial({
      token: async () => {
        throw cause;
      },
    });
    const call = client.call("a").result();
    await expect(client.ready).rejects.toMatchObject({ code: "UNAVAILABLE", cause, message: /offline/ });
    expect(await call).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: false } });
  });

  test("that the server does not accept refuses the client", async () => {
    const { client, socket } = await dial({ token: "old" });
    const call = client.call("a").result();
    socket.open();
    socket.receive(WELCOME);
    await expect(client.ready).rejects.toMatchObject({ code: "UNAUTHENTICATED", kind: "rpc" });
    // It has left with the hello, and would have run if everybody may call it.
    expect(await call).toMatchObject({
      error: { code: "UNAUTHENTICATED", message: "the server did not accept the token", maybeExecuted: true },
    });
    expect(await client.call("b").result()).toMatchObject({
      error: { code: "UNAUTHENTICATED", message: "the server did not accept the token" },
    });
    expect(socket.closed).toMatchObject({ code: 1000 });
  });
});

describe("states", () => {
  test("are told, the last one with the reason", async () => {
    const { client, socket } = await dial();
    const seen: unknown[] = [];
    client.onState((state, close, user) => seen.push(close ? [state, close, user] : [state, user]));
    expect(client.state).toBe("connecting");
    socket.open();
    socket.receive(WELCOME);
    socket.end(1012, "restart");
    expect(seen).toEqual([
      ["open", undefined],
      ["closed", { code: 1012, reason: "restart" }, undefined],
    ]);
    expect(client.state).toBe("closed");
  });

  test("are not told to those who have stopped listening", async () => {
    const { client, socket } = await dial();
    const seen: State[] = [];
    const listener = (state: State) => seen.push(state);
    const stop = client.onState(listener);
    client.onState(listener);
    stop();
    socket.open();
    socket.receive(WELCOME);
    expect(seen).toEqual(["open"]);
  });
});

describe("the end", () => {
  test("of a lost connection: what was sent may have run, what was not has not", async () => {
    const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 1 } }]);
    const sent = client.call("a").result();
    const unsent = client.call("b").result();
    await turn();
    socket.end(1006);
    expect(await sent).toMatchObject({
      error: { code: "UNAVAILABLE", message: "the connection was lost before the answer (1006)", maybeExecuted: true },
    });
    expect(await unsent).toMatchObject({
      error: { code: "UNAVAILABLE", message: "the connection is closed (1006)", maybeExecuted: false },
    });
    const later = await client.call("c").result();
    expect(later).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: false, method: "c" } });
    await client.ready;
  });

  test("of a connection that was never there", async () => {
    const { client, socket } = await dial({}, "wss://ann:secret@test/rpc?key=secret");
    const call = client.call("a").result();
    socket.emit("error", { message: "connect ECONNREFUSED" });
    socket.end(1006);
    const error = await client.ready.catch((error: unknown) => error);
    expect(isRpcError(error)).toBe(true);
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message:
        "there is no connection to wss://test/rpc (1006: connect ECONNREFUSED): is the path right, and the origin allowed?",
    });
    expect(await call).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: false } });
  });

  test("of a socket that tells of an error only", async () => {
    const { client, socket } = await dial();
    socket.emit("error");
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.state).toBe("closed");
  });

  test("comes when nobody answers for 10 seconds", async () => {
    const { client, socket } = await dial();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(client.state).toBe("connecting");
    await vi.advanceTimersByTimeAsync(1);
    await expect(client.ready).rejects.toThrow("no connection within 10 seconds");
    expect(socket.closed).toBeDefined();
  });

  test("comes as late as wished", async () => {
    for (const connectTimeout of [Infinity, 1e20]) {
      const { client } = await dial({ connectTimeout });
      await vi.advanceTimersByTimeAsync(1e8);
      expect(client.state).toBe("connecting");
      void client.close();
    }
  });

  test("comes by close within a second, also if the server does not read any more", async () => {
    const { client } = await connected();
    const closed = vi.fn();
    void client.close().then(closed);
    await vi.advanceTimersByTimeAsync(999);
    expect(closed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(closed).toHaveBeenCalled();
  });

  test("comes by close: what was sent before still arrives", async () => {
    const { client, socket } = await connected();
    const call = client.call("bye").result();
    const closed = client.close();
    expect(socket.frames()).toEqual([[3, 1, "bye"]]);
    expect(socket.closed).toMatchObject({ code: 1000 });
    expect(await call).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: true } });
    socket.end(1000);
    await closed;
    await client.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(client.state).toBe("closed");
  });

  test("comes by close before there is a connection", async () => {
    const { client, socket } = await dial();
    const call = client.call("a").result();
    void client.close();
    await expect(client.ready).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await call).toMatchObject({ error: { maybeExecuted: false } });
    socket.open();
    socket.receive(WELCOME);
    expect(socket.sent).toEqual([]);
  });

  test("comes by close while the token is being fetched", async () => {
    const dialled = vi.fn();
    const client = connect("ws://test", { token: () => new Promise(() => {}), WebSocket: dialled as never });
    await client.close();
    expect(dialled).not.toHaveBeenCalled();
  });

  test("comes by `await using`", async () => {
    const { client, socket } = await connected();
    const disposed = client[Symbol.asyncDispose]();
    socket.end(1000);
    await disposed;
    expect(client.state).toBe("closed");
  });

  test("is no unhandled rejection when nobody looks at `ready`", async () => {
    const { client, socket } = await dial();
    socket.end(1006);
    await turn();
    expect(client.state).toBe("closed");
  });

  test("comes when the constructor of the socket throws", async () => {
    const Broken = class {
      constructor() {
        throw new SyntaxError("insecure");
      }
    };
    const client = connect("ws://test", { WebSocket: Broken as never });
    await expect(client.ready).rejects.toThrow("insecure");
  });
});

describe("silence", () => {
  test("of 35 seconds ends the connection", async () => {
    const { client, socket } = await connected();
    await vi.advanceTimersByTimeAsync(30_000);
    socket.receive([16, 1]);
    await vi.advanceTimersByTimeAsync(34_999);
    expect(client.state).toBe("open");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("closed");
    expect(socket.closed).toEqual({ code: 4410, reason: "nothing was heard from the server" });
  });

  test("is longer where the server pings less often", async () => {
    const { client } = await connected({}, [2, { v: 1, session: "s", ping_ms: 60_000 }]);
    await vi.advanceTimersByTimeAsync(69_999);
    expect(client.state).toBe("open");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toBe("closed");
  });

  test("means nothing where the server does not ping", async () => {
    const { client } = await connected({}, [2, { v: 1, session: "s", ping_ms: 0 }]);
    await vi.advanceTimersByTimeAsync(1e9);
    expect(client.state).toBe("open");
  });

  test("may be as long as the server likes", async () => {
    const { client } = await connected({}, [2, { v: 1, session: "s", ping_ms: Number.MAX_SAFE_INTEGER }]);
    await vi.advanceTimersByTimeAsync(1e6);
    expect(client.state).toBe("open");
  });
});

describe("what the server may send", () => {
  test("a ping, of which the newest is answered", async () => {
    const { socket } = await connected();
    socket.receive([16, 1], [16, 2], [17, 9]);
    await turn();
    expect(socket.frames()).toEqual([[17, 2]]);
  });

  test("pings while there is no room, of which the newest is answered once there is", async () => {
    const { client, socket } = await connected();
    socket.bufferedAmount = 1 << 20;
    for (let token = 1; token <= 5; token++) {
      socket.receive([16, token]);
      await turn();
    }
    expect(socket.sent).toEqual([]);
    const call = client.call("a");
    socket.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(20);
    expect(socket.frames()).toEqual([
      [17, 5],
      [3, 1, "a"],
    ]);
    socket.receive([5, 1]);
    await call;
  });

  test("events, with one value each", async () => {
    const { client, socket } = await connected();
    const seen: unknown[] = [];
    const stop = client.on("announcement", (value) => seen.push(value));
    socket.receive([4, "announcement", 0, [{ msg: "hi" }]], [4, "other", 0, [1]], [4, "announcement"]);
    socket.receive([4, "announcement", { o: 4 }, [1]], [4, "announcement", { X: 4 }, [1]]);
    socket.emit("message", { data: '[4,"announcement",0,[1]]x' });
    stop();
    expect(seen).toEqual([{ msg: "hi" }, null]);
  });

  test("an event whose value is none has no effect", async () => {
    const { client, socket } = await connected();
    const listener = vi.fn();
    client.on("a", listener);
    socket.emit("message", { data: '[4,"a",0,[}]' });
    expect(listener).not.toHaveBeenCalled();
    expect(client.state).toBe("open");
  });

  test("requests, which are refused", async () => {
    const { client, socket } = await connected();
    socket.receive([3, 2, "scan", 0, []], [3, 4, "scan", { o: 4 }, []]);
    await turn();
    expect(socket.frames()).toEqual([
      [7, 2, { code: "UNIMPLEMENTED", message: "this client serves no `scan`" }],
      [7, 4, { code: "UNIMPLEMENTED", message: expect.stringContaining("not available") }],
    ]);
    socket.receive([3, 4, "scan"]);
    expect(client.state).toBe("closed");
    expect(socket.closed).toMatchObject({ code: 4400 });
  });

  test("what this version does not have", async () => {
    const { client, socket } = await connected();
    socket.receive(
      [8, 1, 0, 7],
      [9, 2],
      [10, 1, 1, 1],
      [11, [[4, 1]], [3]],
      [12, 4, { code: "UNAVAILABLE" }],
      [13, "c", "e", 1, "m", []],
      [14, "c", "e", 1, 0],
      [15, 3],
      [17, 1],
      [18, { reason: "restart" }],
    );
    expect(client.state).toBe("open");
    await turn();
    expect(socket.frames()).toEqual([]);
  });

  test("packets without frames, but not instead of the welcome", async () => {
    const { client, socket } = await connected();
    socket.emit("message", { data: "" });
    expect(client.state).toBe("open");
  });

  test("other hashes of services than the client's, which are warned of once", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { client, socket } = await dial();
    client.service({ name: "Chat", hash: "old", methods: {} });
    client.service({ name: "Game", hash: "same", methods: {} });
    socket.open();
    expect(socket.frames()[0]).toMatchObject([1, { services: { Chat: "old", Game: "same" } }]);
    socket.receive([2, { v: 1, session: "s", services: { Chat: "new" } }]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(/Chat .*`cargo rpc`/);
    expect(client.state).toBe("open");
  });

  test("no hash of a service whose stub is made after the hello", async () => {
    const { client, socket } = await dial();
    client.service({ name: "Chat", hash: "first", methods: {} });
    socket.open();
    client.service({ name: "Game", hash: "late", methods: {} });
    socket.receive(WELCOME);
    await turn();
    expect(socket.frames()).toEqual([[1, expect.objectContaining({ services: { Chat: "first" } })]]);
  });
});

describe("what the server may not send closes the connection:", () => {
  const refused = (vectors as { name: string; to?: string; json?: string; msgpack?: string }[]).filter(
    (it) => it.to === "client",
  );

  test.each(refused)("$name", async ({ json, msgpack: binary }) => {
    const { client, socket } = await connected();
    socket.emit("message", { data: json });
    expect(socket.closed?.code).toBe(4400);
    expect(client.state).toBe("closed");

    const packed = await dial({ codec: msgpack });
    packed.socket.open();
    const welcome = msgpack.frame([2, { v: 1, session: "s" }]);
    packed.socket.emit("message", { data: welcome.buffer });
    expect(packed.client.state).toBe("open");
    packed.socket.emit("message", { data: bytes(binary ?? "").buffer });
    expect(packed.socket.closed?.code).toBe(4400);
  });

  test.each([
    ["no JSON", "hello"],
    ["no array", "{}"],
    ["an empty line", "[17,1]\n\n[17,1]"],
    ["two frames without a line feed", "[17,1][17,2]"],
    ["a second hello", '[1,{"v":1}]'],
    ["a request with a bad head", '[3,2,"m",{"t":-1},[]]'],
    ["an event with a bad name", "[4,5,0,[]]"],
    ["a failure with a bad field", '[7,1,{"code":"INTERNAL","retry_ms":"1"}]'],
    ["an answer without its end", "[5,1,0,1"],
    ["an answer without its value", "[5,1,0,]"],
    ["a deep head", `[5,1,${"[".repeat(100)}`],
    ["a large head", `[5,1,{"z":"${"x".repeat(20_000)}"},1]`],
    ["a packet beyond the limit", `[5,1,0,"${"x".repeat(1 << 20)}"]`],
    ["a packet beyond the limit in bytes", `[5,1,0,"${"é".repeat(600_000)}"]`],
    ["too many frames", Array(4097).fill("[17,1]").join("\n")],
    ["very many line feeds", "\n".repeat(1 << 20)],
    ["a kind by a name of an object", '["constructor"]'],
    ["a kind that is a float", "[16.5,1]"],
    ["a negative kind", "[-1]"],
  ])("%s", async (_name, data) => {
    const { client, socket } = await connected();
    const call = client.call("a").result();
    await turn();
    socket.emit("message", { data });
    expect(socket.closed?.code).toBe(4400);
    expect(client.state).toBe("closed");
    expect(await call).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: true } });
    // Nothing more is taken.
    socket.emit("message", { data: "[5,1,0,1]" });
    socket.end(4400);
  });

  test("a packet of the other kind, for which a browser cannot close with 1003", async () => {
    const { socket } = await connected();
    socket.emit("message", { data: new ArrayBuffer(3) });
    expect(socket.closed).toEqual({ code: 4400, reason: "bad kind of packet (1003)" });
    const { socket: other } = await dial({ codec: msgpack });
    other.open();
    other.emit("message", { data: "[2,{}]" });
    expect(other.closed).toEqual({ code: 4400, reason: "bad kind of packet (1003)" });
  });

  test.each([
    ["something else than a welcome", "[16,1]"],
    ["a welcome of another version", '[2,{"v":2,"session":"s"}]'],
    ["a welcome without a session", '[2,{"v":1}]'],
    ["a welcome with a bad limit", '[2,{"v":1,"session":"s","limits":{"packet":"x"}}]'],
  ])("%s", async (_name, data) => {
    const { client, socket } = await dial();
    socket.open();
    socket.emit("message", { data });
    expect(socket.closed?.code).toBe(4400);
    await expect(client.ready).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("another subprotocol", async () => {
    const { client, socket } = await dial();
    socket.emit("open");
    await expect(client.ready).rejects.toThrow("does not speak this subprotocol");
    expect(socket.sent).toEqual([]);
  });

  test("calls, while it does not read what they are answered", async () => {
    const { client, socket } = await connected();
    socket.bufferedAmount = 1e6;
    let id = 0;
    for (let packet = 0; packet < 3; packet++) {
      socket.receive(...Array.from({ length: 4000 }, () => [3, (id += 2), "m"]));
    }
    expect(socket.closed?.code).toBe(4431);
    expect(client.state).toBe("closed");
  });

  test("frames before a broken one have been taken", async () => {
    const { client, socket } = await connected();
    const call = client.call("a");
    await turn();
    socket.emit("message", { data: "[5,1,0,7]\n[99]" });
    expect(await call).toBe(7);
    expect(socket.closed?.code).toBe(4400);
  });
});

test("what a listener throws is its own business", async () => {
  const { client, socket } = await connected();
  const thrown: unknown[] = [];
  const catching = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
    try {
      task();
    } catch (error) {
      thrown.push(error);
    }
  });
  const seen = vi.fn();
  client.on("a", () => {
    throw new Error("mine");
  });
  client.on("a", seen);
  socket.receive([4, "a", 0, [1]]);
  catching.mockRestore();
  expect(seen).toHaveBeenCalledWith(1);
  expect(thrown).toEqual([new Error("mine")]);
  expect(client.state).toBe("open");
});
