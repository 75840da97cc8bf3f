/**
 * Every attribute of a method and every way to fail, against the real server.
 */

import { describe, expect, test, vi } from "vitest";
import { type Close, connect, isRpcError, type State } from "../../src/index.ts";
import { json } from "../../src/json.ts";
import { Calls, type Failure, Failures, Names } from "../fixture.ts";
import { serverUrl } from "./address.ts";
import { CODECS, connected } from "./connected.ts";

describe.each(CODECS)("in $name", ({ codec }) => {
  test("parameters may be left out where they have a default", async () => {
    const calls = (await connected({ codec })).service(Calls);
    expect(await calls.add(10, 20)).toBe(30);
    expect(await calls.add(10)).toBe(11);
    expect(await calls.greet("ann")).toBe("hello ann");
    expect(await calls.greet("ann", undefined, 2)).toBe("hello ann, hello ann");
    expect(await calls.greet("ann", "hi", 2, { timeout: 5000 })).toBe("hi ann, hi ann");
    expect(await calls.middle(null, 1, 2)).toEqual([null, 1, 2]);
  });

  test("one parameter may be all of them", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const order = { itemName: "tea", count: 3, picture: new Uint8Array([0, 255]) };
    expect(await calls.order(order)).toEqual(order);
    for (const body of [{ a: [1, "b", null] }, [1, 2], []]) expect(await calls.body(body)).toEqual(body);
  });

  test("a search is understood", async () => {
    const calls = (await connected({ codec })).service(Calls);
    expect(await calls.search({ words: ["a"] })).toEqual({ words: ["a"], pageSize: 10, exact: false });
    const search = { words: [], pageSize: 5, exact: true, after: -(2n ** 63n) };
    expect(await calls.search(search)).toEqual(search);
  });

  test("a number that is none is refused where JSON has no form for it", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const r = await calls.float(Number.NaN).result();
    if (codec === json) expect(r).toMatchObject({ error: { code: "INVALID_ARGUMENT", maybeExecuted: false } });
    else expect(r).toEqual({ ok: true, value: Number.NaN });
  });

  test("a oneway call arrives", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const what = `noted in ${codec.name} ${Math.random()}`;
    await calls.note(what);
    await calls.note(what);
    expect(await calls.noted(what)).toBe(2);
    expect((await calls.nothing()) ?? null).toBe(null);
  });

  test("aborting ends the method on the server", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const what = `aborted in ${codec.name} ${Math.random()}`;
    const abort = new AbortController();
    const slow = calls.sleep(what, 60_000, { signal: abort.signal }).result();
    await calls.add(1);
    abort.abort();
    expect(await slow).toMatchObject({ error: { code: "CANCELLED", maybeExecuted: true } });
    await vi.waitFor(async () => expect(await calls.noted(what)).toBe(1));
  });

  test("deadlines hold, whoever sets them", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const what = `late in ${codec.name} ${Math.random()}`;
    const late = await calls.sleep(what, 60_000, { timeout: 50 }).result();
    expect(late).toMatchObject({ error: { code: "DEADLINE_EXCEEDED", maybeExecuted: true } });
    await vi.waitFor(async () => expect(await calls.noted(what)).toBe(1));
    expect(await calls.impatient(1)).toBe(1);
    expect(await calls.impatient(60_000).result()).toMatchObject({
      error: { code: "DEADLINE_EXCEEDED", maybeExecuted: true },
    });
  });

  test("what one call says beside its parameters does not end the others", async () => {
    const client = await connected({ codec });
    const calls = client.service(Calls);
    const neighbour = calls.sleep(`beside in ${codec.name} ${Math.random()}`, 300);
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    const fine = [
      { timeout: 1e20 },
      { timeout: 0.5e9 + 0.5 },
      { meta: { a: deep(62) } },
      { meta: { a: 1e17, b: 2 ** 63 } },
    ];
    for (const options of fine) expect(await calls.add(1, 2, options).result()).toEqual({ ok: true, value: 3 });
    for (const meta of [{ a: deep(63) }, { a: deep(70) }, { a: Number.NaN }, [] as never]) {
      expect(await calls.add(1, 2, { meta }).result()).toMatchObject({ error: { code: "INVALID_ARGUMENT" } });
    }
    await neighbour;
    expect(client.state).toBe("open");
  });

  test("typed errors arrive as their variants", async () => {
    const failures = (await connected({ codec })).service(Failures);
    expect(await failures.fail("Not")).toBe(1);
    const errorOf = async (how: Parameters<typeof failures.fail>[0]) => {
      const r = await failures.fail(how).result();
      if (r.ok) throw new Error("it should have failed");
      return r.error;
    };
    expect(await errorOf("Empty")).toMatchObject({ kind: "app", code: "EMPTY", maybeExecuted: true });
    const gone = await errorOf("NoSuchRoom");
    if (gone.kind !== "app" || gone.code !== "NO_SUCH_ROOM") throw gone;
    expect(gone.data).toEqual({ roomName: "attic", lastSeen: -(2n ** 63n) });
    const locked = await errorOf("Locked");
    if (locked.kind !== "app" || locked.code !== "LOCKED") throw locked;
    expect(locked.data).toEqual(new Uint8Array([0, 255]));
    expect(await errorOf("Several")).toMatchObject({ code: "SEVERAL", data: [7, "seven"] });
    expect(await errorOf("Drawn")).toMatchObject({ code: "DRAWN" });
    expect(await errorOf("Other")).toMatchObject({ kind: "rpc", code: "NOT_FOUND", message: "there is nothing here" });
    expect(await errorOf("Later")).toMatchObject({ kind: "rpc", code: "UNAVAILABLE", retryAfterMs: 1500 });
    for (const how of ["Foreign", "Panic"] as const) {
      const error = await errorOf(how);
      expect(error).toMatchObject({ kind: "rpc", code: "INTERNAL", reference: expect.stringMatching(/./) });
      expect(JSON.stringify(error) + error.message).not.toContain("CANARY");
    }
    const taken = await failures.take("taken").result();
    expect(taken).toMatchObject({ error: { kind: "app", code: "TAKEN", data: { x: 1, y: -1 } } });
    expect(await failures.untyped().result()).toMatchObject({ error: { kind: "rpc", code: "FAILED_PRECONDITION" } });
  });

  test("guards and logins are kept", async () => {
    const nobody = (await connected({ codec, token: undefined })).service(Calls);
    expect(await nobody.whoami().result()).toMatchObject({ error: { code: "UNAUTHENTICATED", maybeExecuted: false } });
    expect((await nobody.who()).name ?? null).toBe(null);
    const ann = await connected({ codec, token: async () => "tok-ann" });
    expect(ann.user).toBe("ann");
    expect((await ann.service(Calls).whoami()).name).toBe("ann");
    expect(await ann.service(Calls).administer().result()).toMatchObject({ error: { code: "PERMISSION_DENIED" } });
    expect(await (await connected({ codec, token: "tok-admin" })).service(Calls).administer()).toBe(true);
  });

  test("a rate limit says when to come back, or shows out", async () => {
    const client = await connected({ codec });
    const calls = client.service(Calls);
    expect([await calls.rare(), await calls.rare()]).toEqual([true, true]);
    const r = await calls.rare().result();
    if (r.ok) throw new Error("it should have been refused");
    expect(r.error).toMatchObject({ code: "RESOURCE_EXHAUSTED", maybeExecuted: false });
    expect(r.error.retryAfterMs).toBeGreaterThan(0);

    const closed = new Promise<Close | undefined>((resolve) => {
      client.onState((_state, close) => resolve(close));
    });
    expect(await calls.once()).toBe(true);
    expect(await calls.once().result()).toMatchObject({ error: { code: "RESOURCE_EXHAUSTED" } });
    expect(await closed).toMatchObject({ code: 1008 });
    expect(await calls.add(1).result()).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: false } });
  });

  test("what is sent beside the parameters arrives", async () => {
    const calls = (await connected({ codec })).service(Calls);
    expect(await calls.traced("!", { meta: { trace: "4bf9" } })).toBe("4bf9!");
    expect(await calls.traced("!")).toBe(null);
  });

  test("names may be odd", async () => {
    const client = await connected({ codec });
    const calls = client.service(Calls);
    expect(await calls.type("a", "b", 1)).toBe("a b 1 None");
    expect(await calls.delete(5)).toBe(5);
    expect(await calls.oldAdd(1, 2)).toBe(3);
    const names = client.service(Names);
    expect(await names.sayIt("a", "b")).toBe("a b");
    expect(await names.aliased(7)).toBe(7);
    expect(await client.call("plus", { a: 1, b: 2 })).toBe(3);
    expect(await client.call("no such method").result()).toMatchObject({ error: { code: "UNIMPLEMENTED" } });
    expect(await client.call("plus", ["x"]).result()).toMatchObject({
      error: { code: "INVALID_ARGUMENT", message: /`?a`?/ },
    });
  });

  test("large answers come whole, and too large ones are refused", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const bytes = await calls.bytes(700_000);
    expect(bytes.length).toBe(700_000);
    expect(new Set(bytes)).toEqual(new Set([700_000 % 251]));
    expect(await calls.bytes(2 << 20).result()).toMatchObject({
      error: { code: "RESOURCE_EXHAUSTED", maybeExecuted: true },
    });
    const params = await calls.large(1n, null, new Uint8Array(2 << 20)).result();
    expect(params).toMatchObject({ error: { code: "INVALID_ARGUMENT", maybeExecuted: false } });
    expect(await calls.add(1)).toBe(2);
  });

  test("more calls than the server takes at once are all answered", async () => {
    const calls = (await connected({ codec })).service(Calls);
    const sums = await Promise.all(Array.from({ length: 5000 }, (_, i) => calls.add(i, 1)));
    expect(sums).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    const waiting = Array.from({ length: 1500 }, () => calls.sleep("", 20));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([20]));
  });

  test("calls may be made before there is a connection, and end with it", async () => {
    const states: State[] = [];
    const client = connect(serverUrl(), { codec, token: "tok-ann" });
    client.onState((state) => states.push(state));
    const calls = client.service(Calls);
    expect(await Promise.all([calls.add(1), calls.add(2)])).toEqual([2, 3]);
    const slow = calls.sleep("", 60_000).result();
    await calls.add(1);
    await client.close();
    expect(await slow).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: true } });
    expect(states).toEqual(["open", "closed"]);
  });
});

test("a token that nobody has is refused", async () => {
  const client = connect(serverUrl(), { token: "made up" });
  const error = await client.ready.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isRpcError<Failure>(error) && error.code).toBe("UNAUTHENTICATED");
});

test("a file of another version is warned of, and works as far as it does", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const client = connect(serverUrl());
  const calls = client.service({ ...Calls, hash: "0000000000000000" });
  client.service(Failures);
  await client.ready;
  expect(await calls.add(1, 2)).toBe(3);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[0]).toMatch(/with Calls is not of the server's version/);
  warn.mockRestore();
  await client.close();
});

test("the server gives its types away", async () => {
  const client = await connected();
  const source = await client.call<string>("rpc.typescript");
  expect(source).toContain("export interface Calls");
});
