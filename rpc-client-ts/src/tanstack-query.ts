/**
 * TanStack Query: one function that makes of a method what `useQuery`, `useSuspenseQuery`, `prefetchQuery` and `fetchQuery` take.
 * It needs no package, only the shape of the options, so it goes with every framework that Query has.
 *
 * ```ts
 * const { data, error } = useQuery(rpc(chat, "history", "lobby", 20));
 * ```
 */

import type { Call } from "./call.ts";
import type { AppError, RpcError } from "./error.ts";
import { type Args, DEF, type MethodDef, type ServiceDef } from "./service.ts";

export type { Args };

/** The names of the methods of a service that give something back. */
export type QueryMethod<S> = {
  [K in keyof S]: S[K] extends (...args: never[]) => Call<infer T, infer _E> ? ([T] extends [void] ? never : K) : never;
}[keyof S] &
  string;

/** What a method gives back. */
export type Data<F> = F extends (...args: never[]) => Call<infer T, infer _E> ? T : never;

/** What a method may fail with. */
export type Failure<F> = F extends (...args: never[]) => Call<infer _T, infer E> ? RpcError<E> : never;

/** What a query is made of. */
export interface QueryOptions<T, E> {
  /** Told apart by service, method and parameters. */
  readonly queryKey: readonly ["trunkline", service: string, method: string, ...params: unknown[]];
  readonly queryFn: (context: { readonly signal: AbortSignal }) => Promise<T>;
  /** Not set; it tells the type of the error. */
  readonly retry?: (failures: number, error: E) => boolean;
}

/** The query that calls a method of a stub. When nobody needs it any more, the call is cancelled. */
export function rpc<S extends object, K extends QueryMethod<S>>(
  service: S,
  method: K,
  ...args: Args<S[K]>
): QueryOptions<Data<S[K]>, Failure<S[K]>> {
  const { name, methods } = (service as { [DEF]: ServiceDef<Record<string, unknown>> })[DEF];
  const count = (methods[method] as MethodDef).p.length;
  const call = service[method] as (...args: unknown[]) => Call<Data<S[K]>, AppError>;
  return {
    // A `bigint` has no form in JSON, by which keys are compared.
    queryKey: ["trunkline", name, method, ...args.map(comparable)],
    queryFn: ({ signal }) => call(...Array.from({ length: count }, (_, i) => args[i]), { signal }),
  };
}

function comparable(param: unknown): unknown {
  if (typeof param === "bigint") return `${param}n`;
  if (Array.isArray(param)) return param.map(comparable);
  if (Object.prototype.toString.call(param) !== "[object Object]") return param;
  return Object.fromEntries(Object.entries(param as object).map(([key, value]) => [key, comparable(value)]));
}
