/**
 * The client of calls: what users of `trunkline/core` hold. It dials, makes stubs and calls, and tells what becomes of the
 * connection. What else there is stands in `full.ts`, which extends it.
 */

// Those who have not asked for the types of `await using` get them with this client.
/// <reference lib="esnext.disposable" preserve="true" />

import { platformSocket } from "#socket";
import { type Call, type CallOptions, newCall } from "./call.ts";
import type { Codec, Payload } from "./codec.ts";
import { type AppError, failed, type RpcError, reason } from "./error.ts";
import { json } from "./json.ts";
import { type Close, Link, type LinkUser } from "./link.ts";
import { understand } from "./outcome.ts";
import { decode, FAIL, type Failure, type Head, type Hello, NOTIFY, OK, type Welcome } from "./protocol.ts";
import { type MethodDef, type Revival, type ServiceDef, stub } from "./service.ts";
import { CANCELLED, DEFAULTS, type Outcome, type Request, Session } from "./session.ts";
import type { SocketClass } from "./socket.ts";
import { after, MAX_TIMER, type Timer } from "./timer.ts";

/** What is settled when a client is made; everything has a default. */
export interface ClientOptions {
  /**
   * The credential: a string, or a function that fetches one, which is asked on dialling. A server that does not accept it
   * refuses the client with `UNAUTHENTICATED`.
   */
  readonly token?: Token | undefined;
  /** How calls are written: JSON unless set to `msgpack` of `trunkline/msgpack`. */
  readonly codec?: Codec | undefined;
  /**
   * How long a call may take where neither the call nor its method says it, in milliseconds: 30,000 unless set. It then fails with
   * `DEADLINE_EXCEEDED`.
   */
  readonly timeout?: number | undefined;
  /** How long dialling and logging in may take together, in milliseconds: 10,000 unless set. */
  readonly connectTimeout?: number | undefined;
  /** Who the client says it is. It proves nothing. */
  readonly uid?: string | undefined;
  /** The WebSocket to dial with: the platform's unless set. In Node 20, which has none, that is the one of the package `ws`. */
  readonly WebSocket?: SocketClass | undefined;
}

/** A credential, or what fetches it. */
export type Token = string | (() => string | null | undefined | Promise<string | null | undefined>);

/** What a connection is doing: `"connecting"` until the server has accepted, `"closed"` for good. */
export type State = "connecting" | "open" | "closed";

/** One connection to a server, for calls; {@link connect} makes it. */
export interface CoreClient extends AsyncDisposable {
  /** Resolves when the server has accepted the client; rejects with an {@link RpcError} when there is no connection in the end. */
  readonly ready: Promise<void>;
  /** What the connection is doing. */
  readonly state: State;
  /** Who the server takes this client for; `undefined` before a login. */
  readonly user: string | undefined;
  /**
   * The stub of a service: an object with its methods. The same one each time.
   *
   * Make it before the connection is open, best right behind `connect`: only then can the server tell that the generated file is
   * of another version. It works later as well.
   *
   * ```ts
   * const chat = client.service(Chat);
   * await chat.say("lobby", "hi");
   * ```
   */
  service<S>(def: ServiceDef<S>): S;
  /**
   * Calls a method by its name on the wire, without generated code. `params` are an array by position or an object by name;
   * what the result is, is not checked, and any typed error is expected.
   */
  call<T = unknown, E extends AppError = AppError>(method: string, params?: unknown, options?: CallOptions): Call<T, E>;
  /** Listens to what the server sends by the name `event`. The result stops listening. */
  on<T = unknown>(event: string, listener: (value: T) => void): () => void;
  /**
   * Tells of each change of {@link Client.state}, with the {@link Client.user}, and of the last one with the reason. The result
   * stops it.
   */
  onState(listener: (state: State, close: Close | undefined, user: string | undefined) => void): () => void;
  /** Closes the connection; resolves when it is. What was sent before still arrives; calls in flight fail with `UNAVAILABLE`. */
  close(): Promise<void>;
}

/**
 * Begins to connect. Calls may be made at once: they wait until the connection is there.
 *
 * The URL may be relative to the page, as in `"/rpc"`; `http` and `https` mean `ws` and `wss`. Throws a `TypeError` if it cannot
 * be dialled at all.
 *
 * ```ts
 * const client = connect("/rpc", { token: () => localStorage.getItem("token") });
 * ```
 */
export function connect(url: string | URL, options: ClientOptions = {}): CoreClient {
  return new Connection(url, options, new Session(options.codec ?? json));
}

/** The URL as a WebSocket takes it. */
function absolute(url: string | URL): string {
  const page = globalThis.location?.href;
  try {
    const { protocol, href } = new URL(url, page);
    if (/^(http|ws)s?:$/.test(protocol)) return href.replace(/^http/, "ws").replace(/#.*/, "");
  } catch {
    // Said below, with what to write instead.
  }
  throw new TypeError(`\`${url}\` cannot be dialled: write it as \`wss://host/path\``);
}

/** How long a call may take unless something else is said, here and on servers. */
const CALL_TIMEOUT = 30_000;

/** What the client calls itself in the hello. */
const NAME = "trunkline-ts 0.1.0";

type Listener = (...args: never[]) => void;

/** A head as the server will read it, and a copy, because it may be sent much later. Throws if it is none. */
function asRead(head: Head): Head {
  return decode(json, json.frame([NOTIFY, "", head]))[2] as Head;
}

/** One connection to a server. What its extension needs is protected. */
export class Connection implements CoreClient, LinkUser {
  readonly ready: Promise<void>;
  state: State = "connecting";
  user: string | undefined;
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #session: Session;
  readonly #stubs = new Map<unknown, unknown>();
  /** Each with the name of its event; those of the state have none. */
  readonly #listeners = new Set<readonly [event: string | undefined, listener: Listener]>();
  #link: Link | undefined;
  #token: string | undefined;
  #patience: Timer;
  #accept!: () => void;
  #reject!: (error: Error) => void;

  constructor(url: string | URL, options: ClientOptions, session: Session) {
    this.#url = absolute(url);
    this.#options = options;
    this.#session = session;
    session.event = (name, params) => this.event(name, params);
    this.ready = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#reject = reject;
    });
    // Who does not look at it learns the same from the calls.
    this.ready.catch(() => {});
    this.#dial();
  }

  service<S>(def: ServiceDef<S>): S {
    if (!this.#stubs.has(def)) {
      this.check(def);
      this.#stubs.set(
        def,
        stub(def, (name, params, options, method) => this.call(name, params, options, method, def)),
      );
    }
    return this.#stubs.get(def) as S;
  }

  on<T>(event: string, listener: (value: T) => void): () => void {
    return this.#listen(event, listener);
  }

  onState(listener: (state: State, close: Close | undefined, user: string | undefined) => void): () => void {
    return this.#listen(undefined, listener);
  }

  async close(): Promise<void> {
    this.#session.flush();
    this.end({ code: 1000, reason: "closed by this client" });
    this.#link?.close(1000);
    await this.#link?.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #dial(): Promise<void> {
    const { WebSocket, connectTimeout = 10_000 } = this.#options;
    const late = () => {
      this.end({ code: 1006, reason: `no connection within ${connectTimeout / 1000} seconds` });
      this.#link?.close(1000);
    };
    this.#patience = after(connectTimeout, late);
    try {
      const Socket = WebSocket ?? (await platformSocket());
      this.#token = await this.fetch();
      if (this.state === "closed") return;
      this.#link = new Link((protocol) => new Socket(this.#url, [protocol]), this.#session, this);
    } catch (error) {
      this.end({ code: 1006, reason: reason(error) }, undefined, error);
    }
  }

  protected async fetch(): Promise<string | undefined> {
    const { token } = this.#options;
    return (typeof token === "function" ? await token() : token) ?? undefined;
  }

  hello(): Hello {
    return {
      v: 1,
      client: NAME,
      uid: this.#options.uid,
      token: this.#token,
      js: 1,
      limits: DEFAULTS,
    };
  }

  welcomed(welcome: Welcome, link: Link): void {
    const { user, limits } = welcome;
    if (this.#token !== undefined && user === undefined) {
      const refused = { code: "UNAUTHENTICATED", message: "the server did not accept the token" };
      this.end({ code: 1000, reason: refused.message }, refused);
      link.close(1000);
      return;
    }
    clearTimeout(this.#patience);
    this.#session.attach(link, limits);
    this.#accept();
    this.become("open", user);
  }

  end(close: Close, failure?: Failure, cause?: unknown): void {
    if (this.state === "closed") return;
    clearTimeout(this.#patience);
    const why = close.reason ? `${close.code}: ${close.reason}` : close.code;
    const message = this.state === "open" ? `the connection is closed (${why})` : this.#nowhere(why);
    const code = close.code === 4401 || close.code === 4403 ? "UNAUTHENTICATED" : "UNAVAILABLE";
    const ending = failure ?? { code, message };
    this.#reject(failed("", ending, cause));
    this.#session.end(ending, failure?.message ?? `the connection was lost before the answer (${why})`);
    this.become("closed", this.user, close);
  }

  /** Why there never was a connection, as far as browsers tell. */
  #nowhere(why: number | string): string {
    // Neither credentials nor a query, which may have some: it goes to logs.
    const url = this.#url.replace(/[^/]*@|\?.*/g, "");
    const hint = this.#link ? ": is the path right, and the origin allowed?" : "";
    return `there is no connection to ${url} (${why})${hint}`;
  }

  protected become(state: State, user: string | undefined, close?: Close): void {
    const same = this.state === state && this.user === user;
    this.state = state;
    this.user = user;
    if (!same) this.#tell(undefined, state, close, user);
  }

  #listen(event: string | undefined, listener: Listener): () => void {
    // Of its own, so that the same function can listen twice.
    const own = [event, listener] as const;
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  #tell(event: string | undefined, ...args: unknown[]): void {
    for (const [of, listener] of [...this.#listeners]) {
      try {
        if (of === event) listener(...(args as never[]));
      } catch (error) {
        // It is the listener's, and none of the others' business.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Takes what the server sends by itself. */
  protected event(name: string, params: Payload): void {
    let value: unknown;
    try {
      value = params();
    } catch {
      // There is nobody who could be told, and the connection is not to blame.
      return;
    }
    this.#tell(name, Array.isArray(value) ? value[0] : value);
  }

  /** Throws if the service has what this client does not. */
  protected check({ name, methods }: ServiceDef<unknown>): void {
    if (Object.values<MethodDef>(methods).some(({ s }) => s)) {
      throw new TypeError(`${name} streams: import "trunkline"`);
    }
  }

  call<T = unknown, E extends AppError = AppError>(
    name: string,
    params?: unknown,
    options: CallOptions = {},
    method?: MethodDef,
    revival?: Revival,
    more?: Partial<Request>,
  ): Call<T, E> {
    const session = this.#session;
    const { signal, meta } = options;
    // What the method says, the server knows by itself.
    const told = options.timeout ?? (method?.t ? undefined : this.#options.timeout);
    const timeout = told ?? method?.t ?? CALL_TIMEOUT;
    return newCall((settle) => {
      let giveUp: (() => void) | undefined;
      const abort = () => giveUp?.();
      const end = (outcome: Outcome) => {
        signal?.removeEventListener("abort", abort);
        settle(() => understand(name, outcome, signal?.reason, method, revival) as T, outcome[0] !== OK);
      };
      if (signal?.aborted) return end([FAIL, CANCELLED]);
      try {
        const encoded =
          params === undefined ? undefined : session.codec.encode(params, method?.x && revival?.revive?.write);
        signal?.addEventListener("abort", abort);
        const t = told && told < Infinity ? MAX_TIMER : undefined;
        giveUp = session.call({
          method: name,
          params: encoded,
          oneway: method?.k === 1,
          timeout,
          head: t || meta ? asRead({ t, m: meta }) : undefined,
          end,
          ...more,
        });
      } catch (error) {
        end([FAIL, { code: "INVALID_ARGUMENT", message: `the call cannot be encoded: ${reason(error)}` }]);
      }
    });
  }
}
