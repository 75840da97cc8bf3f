/**
 * Services that the server calls: which there are, and the calls that run.
 */

import type { Call } from "./call.ts";
import type { Packet, Payload } from "./codec.ts";
import { type AppError, reason } from "./error.ts";
import type { Exchange } from "./exchange.ts";
import { Producer, type Source } from "./producer.ts";
import { ERROR, FAIL, OK } from "./protocol.ts";
import type { Args, MethodDef, ServiceDef } from "./service.ts";
import { type Asked, DEFAULTS } from "./session.ts";
import type { Subscription } from "./subscription.ts";
import { after } from "./timer.ts";

/** What a method of an exposed service is told beside its parameters. */
export interface Incoming {
  /** Aborts when the server gives the call up, or its time or the connection is over. */
  readonly signal: AbortSignal;
  /** What the server sends beside the parameters. */
  readonly meta: Readonly<Record<string, unknown>>;
}

/** The implementation of a service: `client.expose(Worker, { … })`. */
export type Impl<S> = { readonly [K in keyof S]: Method<S[K]> };

type Method<F> = F extends (...args: never[]) => infer R
  ? R extends Call<infer T, infer _E>
    ? (...args: [...Args<F>, call: Incoming]) => T | Promise<T>
    : R extends Subscription<infer T, infer _E>
      ? (...args: [...Args<F>, call: Incoming]) => Source<T>
      : never
  : never;

class TypedError extends Error {
  readonly error: AppError;

  constructor(error: AppError) {
    super(error.code);
    this.error = error;
  }
}

/**
 * An error for the method of an exposed service to throw, which the server sees as the variant that it is.
 *
 * ```ts
 * throw typedError<ScanError>({ code: "BUSY", data: { until } });
 * ```
 */
export function typedError<E extends AppError>(error: E): Error {
  return new TypedError(error);
}

/** The fields of a frame, and its payload. */
type Answer = [fields: unknown[], payload?: Packet];

type Implementation = (...args: unknown[]) => unknown;

/** A method by its name on the wire. */
interface Entry {
  readonly def: ServiceDef<unknown>;
  readonly method: MethodDef;
  readonly impls: Set<{ call: Implementation }>;
}

export class Services {
  readonly #exchange: Exchange;
  readonly #entries: Map<string, Entry> = new Map();
  readonly #running: Map<number, (code: string, message: string) => void> = new Map();
  /** How many implementations have not returned, also of calls that are answered. */
  #busy = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  expose(def: ServiceDef<unknown>, impl: Record<string, Implementation>): () => void {
    const added: (() => void)[] = [];
    const stop = () => {
      for (const remove of added) remove();
    };
    for (const [key, method] of Object.entries<MethodDef>(def.methods)) {
      const name = method.n ?? key;
      const entry = this.#entries.get(name) ?? { def, method, impls: new Set() };
      const wrong =
        typeof impl[key] !== "function"
          ? "is missing"
          : method.u
            ? "takes a stream, which only servers do"
            : entry.impls.size > 0 && !(method.k && entry.method.k) && "is served already";
      if (wrong) {
        stop();
        throw new TypeError(`${def.name}.${key} ${wrong}`);
      }
      // Looked up when it is called, as a method of its object.
      const own = { call: (...args: unknown[]) => (impl[key] as Implementation)(...args) };
      entry.impls.add(own);
      this.#entries.set(name, entry);
      added.push(() => {
        entry.impls.delete(own);
        if (entry.impls.size === 0) this.#entries.delete(name);
      });
    }
    return stop;
  }

  /** Takes a notification. Whether there is a method for it. */
  notified(name: string, params: Payload): boolean {
    const entry = this.#entries.get(name);
    if (!entry) return false;
    const call = { signal: new AbortController().signal, meta: {} };
    for (const { call: impl } of [...entry.impls]) {
      this.#run(async () => impl(...args(entry, params), call)).catch((error) => log(name, error));
    }
    return true;
  }

  /** Takes a request. */
  asked([, id, name, head, params]: Asked): void {
    const entry = this.#entries.get(name);
    const [impl] = entry?.impls ?? [];
    if (!entry || !impl || entry.method.k) {
      const message = entry ? "it gives no answer" : `this client serves no \`${name.slice(0, 64)}\``;
      this.#exchange.refuse(id, "UNIMPLEMENTED", message);
      return;
    }
    if (this.#busy >= DEFAULTS.in_flight) {
      this.#exchange.refuse(id, "RESOURCE_EXHAUSTED", `this client runs ${this.#busy} calls at once`);
      return;
    }
    let given: unknown[];
    try {
      given = args(entry, params);
    } catch (error) {
      this.#exchange.refuse(id, "INVALID_ARGUMENT", reason(error));
      return;
    }
    const own = new AbortController();
    const timer = after((head.t as number | undefined) ?? Infinity, () =>
      this.#running.get(id)?.("DEADLINE_EXCEEDED", "the time for the call is over"),
    );
    const finish = () => {
      clearTimeout(timer);
      return this.#running.delete(id);
    };
    this.#running.set(id, (code, message) => {
      finish();
      own.abort();
      if (code) this.#exchange.refuse(id, code, message, true);
    });
    const write = entry.def.revive?.write;
    const failed = (error: unknown, id: number): Answer => {
      if (error instanceof TypedError) return [[ERROR, id, 0], this.#exchange.codec.encode(error.error, write)];
      log(name, error);
      return [[FAIL, id, { code: "INTERNAL", message: "the method failed; its client has the cause", executed: true }]];
    };
    this.#run(async () => impl.call(...given, { signal: own.signal, meta: head.m ?? {} }))
      .then(async (value): Promise<Answer | undefined> => {
        if (entry.method.s !== 1) return [[OK, id, 0], this.#exchange.codec.encode(value ?? null, write)];
        if (!this.#running.has(id)) return undefined;
        const producer = new Producer(value as Source, write, failed);
        own.signal.addEventListener("abort", () => producer.stop());
        await this.#exchange.produce(id, producer);
        finish();
        return undefined;
      })
      .catch((error) => failed(error, id))
      .then((answer) => {
        if (answer && finish()) this.#exchange.answer(id, ...answer);
      });
  }

  cancelled(id: number): void {
    this.#running.get(id)?.("CANCELLED", "cancelled by the caller");
  }

  /** The connection is gone. */
  end(): void {
    for (const stop of [...this.#running.values()]) stop("", "");
  }

  async #run<T>(act: () => Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await act();
    } finally {
      this.#busy--;
    }
  }
}

/** The parameters as the implementation takes them. */
function args({ def, method }: Entry, params: Payload): unknown[] {
  const value = params();
  const plans = Array.isArray(method.x) ? method.x : [];
  const read = (value: unknown, i: number) => {
    const own = value === null ? undefined : value;
    return plans[i] && def.revive ? def.revive.read(own, plans[i], def.plans ?? {}) : own;
  };
  if (method.b) return [read(value, 0)];
  const byPlace = Array.isArray(value)
    ? value
    : method.p.map((name) => (value as Record<string, unknown> | null)?.[name]);
  if (byPlace.length > method.p.length)
    throw new TypeError(`it takes ${method.p.length} parameters, not ${byPlace.length}`);
  return method.p.map((_, i) => read(byPlace[i], i));
}

function log(name: string, error: unknown): void {
  console.error(`trunkline: \`${name}\` failed:`, error);
}
