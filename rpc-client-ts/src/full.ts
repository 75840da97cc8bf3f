/**
 * The whole client: what the one of `client.ts` does, and streams, channels, services that the server calls, and logins.
 */

import type { Call, CallOptions } from "./call.ts";
import { type ClientOptions, Connection, type CoreClient } from "./client.ts";
import { type Payload, StreamRef } from "./codec.ts";
import { type AppError, failed, type RpcError } from "./error.ts";
import { Exchange, type Streaming } from "./exchange.ts";
import { json } from "./json.ts";
import type { Close, Link } from "./link.ts";
import { type Ending, type LoggedIn, watchLogin } from "./login.ts";
import { understand } from "./outcome.ts";
import { Producer, type Source } from "./producer.ts";
import { FAIL, type Failure, type Hello, OK, type Welcome } from "./protocol.ts";
import { type Impl, Services } from "./serve.ts";
import type { MethodDef, Revival, ServiceDef } from "./service.ts";
import type { Request } from "./session.ts";
import { Flow, type Subscription } from "./subscription.ts";

/** One connection to a server; {@link connect} makes it. */
export interface Client extends CoreClient {
  /**
   * Serves a service that the server calls. The result stops it.
   *
   * A method is given its parameters and, behind them, what else there is of the call, such as an `AbortSignal`. What it returns, or
   * resolves to, is the answer; {@link typedError} makes an error that the server sees as such, any other is hidden from it and logged
   * here. A method without an answer may have several implementations, each other one only one: a second throws a `TypeError`.
   *
   * ```ts
   * const stop = client.expose(Worker, { scan: async (jobs) => jobs.length });
   * ```
   */
  expose<S>(def: ServiceDef<S>, impl: Impl<S>): () => void;
  /**
   * What is published on a channel of the server, if the server lets this client subscribe to it; servers of this version have no
   * channels. What its values are, is not checked.
   *
   * ```ts
   * for await (const news of client.channel<News>("public.news")) show(news);
   * ```
   */
  channel<T = unknown>(name: string): Subscription<T>;
  /**
   * Logs in on this connection, where the server did not know the client yet, or goes on as the same user with another token.
   *
   * Rejects with `UNAUTHENTICATED` if the server knows nobody by the token: another may be tried, but the server closes the
   * connection after some that have failed. With `PERMISSION_DENIED` if it is somebody else's.
   */
  login(token: string): Promise<void>;
  /**
   * Renews the login with another token of the same user, which the function `token` of the options gives unless it is passed: for
   * new claims, or before the login ends. With such a function, a client does the latter by itself. Rejects as
   * {@link Client.login}, and with what the function throws.
   */
  refresh(token?: string): Promise<void>;
}

/**
 * Begins to connect. Calls may be made at once: they wait until the connection is there.
 *
 * The URL may be relative to the page, as in `"/rpc"`; `http` and `https` mean `ws` and `wss`. Throws a `TypeError` if it cannot
 * be dialled at all. If the login has an end and `token` is a function, it is also asked at about four fifths of that time, or as
 * soon as the server gives notice, and the login is renewed with what it gives.
 *
 * ```ts
 * const client = connect("/rpc", { token: () => localStorage.getItem("token") });
 * ```
 */
export function connect(url: string | URL, options: ClientOptions = {}): Client {
  return new FullConnection(url, options, new Exchange(options.codec ?? json));
}

class FullConnection extends Connection implements Client {
  readonly #services: Services;
  readonly #uid: string | undefined;
  readonly #channels: Map<string, Set<Flow<unknown, AppError>>> = new Map();
  readonly #loginEnds: Ending;
  #hashes: Record<string, string> | undefined;

  constructor(url: string | URL, options: ClientOptions, exchange: Exchange) {
    super(url, options, exchange);
    this.#uid = options.uid;
    this.#services = new Services(exchange);
    this.#loginEnds = watchLogin(typeof options.token === "function" ? () => this.refresh() : undefined, () =>
      this.become("open", undefined),
    );
    exchange.served = {
      asked: (request) => this.#services.asked(request),
      cancelled: (id) => this.#services.cancelled(id),
      published: (channel, epoch, offset, method, value) => {
        if (method) return;
        for (const flow of this.#readers(channel, epoch, offset)) flow.push(value, 0, BUFFER);
      },
      moved: (channel, epoch, offset, missed) => {
        for (const flow of this.#readers(channel, epoch, offset)) if (missed) flow.gap(missed);
      },
    };
  }

  expose<S>(def: ServiceDef<S>, impl: Impl<S>): () => void {
    return this.#services.expose(def as ServiceDef<unknown>, impl as never);
  }

  channel<T>(name: string): Subscription<T> {
    return this.#stream("rpc.subscribe", { channel: name }, {}) as Subscription<T>;
  }

  login(token: string): Promise<void> {
    return this.#logIn("rpc.login", token);
  }

  async refresh(token?: string): Promise<void> {
    await this.#logIn("rpc.refresh", token ?? (await this.fetch()));
  }

  override call<T = unknown, E extends AppError = AppError>(
    name: string,
    params?: unknown,
    options: CallOptions = {},
    method?: MethodDef,
    revival?: Revival,
    more?: Partial<Request>,
  ): Call<T, E> {
    if (method?.s === 1) return this.#stream(name, params, options, method, revival) as never;
    if (!method?.u) return super.call(name, params, options, method, revival, more);
    const { broken, signal, free } = linked(options.signal);
    const [sent, uploads] = split(params, method, revival, broken);
    const timed = { ...untimed(options, method), signal };
    const request: Partial<Streaming> = { uploads, streams: uploads.length };
    const call = super.call<T, E>(name, sent, timed, method, revival, request);
    call.then(free, free);
    return call;
  }

  override hello(): Hello {
    return { ...super.hello(), services: this.#hashes };
  }

  override welcomed(welcome: Welcome, link: Link): void {
    const stale = Object.keys(welcome.services ?? {}).join(", ");
    if (stale) {
      console.warn(
        `trunkline: the generated file with ${stale} is not of the server's version: generate it again, with \`cargo rpc\` or \`trunkline gen\``,
      );
    }
    super.welcomed(welcome, link);
    this.#ends(welcome);
  }

  override end(close: Close, failure?: Failure, cause?: unknown): void {
    const wasOpen = this.state !== "closed";
    super.end(close, failure, cause);
    if (!wasOpen) return;
    this.#loginEnds(NaN);
    this.#services.end();
    const why = failure ?? {
      code: "UNAVAILABLE",
      message: `the connection was lost (${close.code} ${close.reason})`,
      executed: true,
    };
    for (const [name, flows] of this.#channels)
      for (const flow of flows) flow.end(failed(name, why) as RpcError<AppError>);
    this.#channels.clear();
  }

  protected override check(def: ServiceDef<unknown>): void {
    this.#hashes = { ...this.#hashes, [def.name]: def.hash };
  }

  protected override event(name: string, params: Payload): void {
    if (name === "rpc.expiring") this.#ends(params() as LoggedIn, Math.random() / 4);
    else if (!this.#services.notified(name, params)) super.event(name, params);
  }

  async #logIn(method: string, token: string | undefined): Promise<void> {
    const login = await super.call<LoggedIn, never>(method, { token, uid: this.#uid });
    // The answer may have been the last thing that came.
    if (this.state === "closed") return;
    this.#ends(login);
    this.become("open", login.user);
  }

  /** At four fifths of its time, a little earlier or later, so that clients that came together do not refresh together. */
  #ends(login: LoggedIn | null, share = 0.75 + Math.random() / 10): void {
    if (this.state !== "closed") this.#loginEnds(login?.expires_ms, share);
  }

  /** Makes a call that gives a stream, or what is published on a channel. */
  #stream(
    name: string,
    params: unknown,
    options: CallOptions,
    method?: MethodDef,
    revival?: Revival,
  ): Flow<unknown, AppError> {
    const { broken, signal, free } = linked(options.signal);
    const flow: Flow<unknown, AppError> = new Flow<unknown, AppError>(
      () => {
        broken();
        this.#leave(flow);
      },
      (payload) => understand(name, [OK, payload], undefined, method, revival),
    );
    const [sent, uploads] = split(params, method, revival, broken);
    const request: Partial<Streaming> = {
      uploads,
      streams: uploads.length + (method ? 1 : 0),
      flow: method && flow,
      answer: (value) => this.#subscribed(flow, value),
    };
    // What the plan says of items is not for the answer.
    const answered = method && ({ ...method, r: [0, method.r?.[1] ?? 0] } as MethodDef);
    const call = super.call(name, sent, { ...untimed(options, method), signal }, answered, revival, request);
    void call.result().then((r) => {
      free();
      if (!r.ok) flow.end(r.error);
      else if (r.value === null || r.value === undefined) flow.end(null);
      else if (flow.channel === undefined) {
        flow.end(
          failed(name, { code: "UNIMPLEMENTED", message: "it does not stream", executed: true }) as RpcError<AppError>,
        );
      }
    });
    return flow;
  }

  /** The answer that says which channel a stream is of. */
  #subscribed(flow: Flow<unknown, AppError>, value: unknown): void {
    const { sub, channel, epoch, offset } = (value ?? {}) as Partial<Subscribed>;
    if (typeof channel !== "string" || typeof sub !== "number") return;
    Object.assign(flow, { sub, channel, epoch, offset });
    if (flow.isOver) {
      this.#leave(flow);
      return;
    }
    const flows = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, flows.add(flow));
    flow.opened();
  }

  #leave(flow: Flow<unknown, AppError>): void {
    const { channel, sub } = flow;
    if (channel === undefined || this.state === "closed") return;
    const flows = this.#channels.get(channel);
    flows?.delete(flow);
    if (flows?.size === 0) this.#channels.delete(channel);
    void super.call("rpc.unsubscribe", { subs: [sub] }).result();
  }

  /** Those who read a channel and have not heard of this place in it yet. */
  #readers(channel: string, epoch: string, offset: number): Flow<unknown, AppError>[] {
    const flows = [...(this.#channels.get(channel) ?? [])].filter((it) => it.epoch !== epoch || it.offset < offset);
    for (const flow of flows) Object.assign(flow, { epoch, offset });
    return flows;
  }
}

/** What the server says of a channel that is subscribed. */
interface Subscribed {
  sub: number;
  channel: string;
  epoch: string;
  offset: number;
}

/** The parameters as they are written, and the streams among them. */
function split(
  params: unknown,
  method: MethodDef | undefined,
  revival: Revival | undefined,
  broken: (why: unknown) => void,
): [params: unknown, uploads: Producer[]] {
  if (!method?.u) return [params, []];
  const list = Array.isArray(params) ? [...params] : [];
  const uploads = method.u.map((place, i) => {
    const source = list[place] as Source;
    list[place] = new StreamRef(i);
    return new Producer(source, method.x && revival?.revive?.write, (error, id) => {
      broken(error);
      return [[FAIL, id, { code: "CANCELLED", message: "the caller could not go on" }]];
    });
  });
  return [list, uploads];
}

/** A signal of one's own that also aborts when the caller's does. */
function linked(signal: AbortSignal | undefined): {
  signal: AbortSignal;
  broken: (why?: unknown) => void;
  free: () => void;
} {
  const own = new AbortController();
  const broken = (why?: unknown) => own.abort(why);
  const abort = () => broken(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return { signal: own.signal, broken, free: () => signal?.removeEventListener("abort", abort) };
}

/** Calls with streams have no time unless they or their method say it. */
function untimed(options: CallOptions, method: MethodDef | undefined): CallOptions {
  return { ...options, timeout: options.timeout ?? (method && !method.t ? Infinity : undefined) };
}

/** How many values of a channel wait for a reader. */
const BUFFER = 1024;
