/**
 * Services: the descriptors that a generated file has, and the stubs made of them. A stub is a plain object with one function
 * for each method: it can be awaited past, spied on and seen in the developer tools.
 */

import type { Call, CallOptions } from "./call.ts";
import type { Replacer } from "./codec.ts";
import type { AppError } from "./error.ts";

/** How a service reads what JSON has no form for. */
export interface Revival {
  /** Reads and writes `bigint` and bytes, where a method has some. */
  readonly revive?: Revive;
  /** Plans that others refer to by name. */
  readonly plans?: Plans;
}

/** A service, as a generated file describes it: `client.service(Chat)`. */
export interface ServiceDef<S> extends Revival {
  /** The name of the Rust trait. */
  readonly name: string;
  /** What the generated file was made from, as a hash: the server knows from it whether the file is of its version. */
  readonly hash: string;
  /** The methods, by their names in TypeScript. */
  readonly methods: { readonly [K in keyof S]: MethodDef };
  /** Never there. It lets `S` be inferred also where two copies of this package meet. */
  readonly type?: S;
}

/** A method; keys are short because there are many of them. */
export interface MethodDef {
  /** Its name on the wire, where that is another. */
  readonly n?: string;
  /** The names of its parameters; the options of a call stand behind so many arguments. */
  readonly p: readonly string[];
  /** 1 if its one parameter is all of the parameters. */
  readonly b?: 1;
  /** 1 if it is never answered. */
  readonly k?: 1;
  /** 1 if a repetition does no harm. */
  readonly i?: 1;
  /** How long a call may take, in milliseconds, where the method says it. */
  readonly t?: number;
  /** 1 if it gives a stream, 2 if it only takes some. */
  readonly s?: 1 | 2;
  /** Which of its parameters are streams, by their places. */
  readonly u?: readonly number[];
  /** Where bytes and `bigint`s are in its parameters, if there are any: a plan for each; of a stream, that of its items. */
  readonly x?: 1 | readonly Plan[];
  /** Where bytes and `bigint`s are in its result, or its items, and in its error. */
  readonly r?: readonly [result?: Plan, error?: Plan];
}

/**
 * Where bytes and `bigint`s are in a value:
 * 0 nowhere · 1 it is bytes · 2 it is a `bigint` · a name: see {@link Revival.plans} · `a` in each element of an array or value
 * of a map · `t` in the elements of a tuple · `o` in the fields of an object · `u` in an object that its field `tag` tells apart ·
 * a list: all of these plans, one after another.
 */
export type Plan =
  | 0
  | 1
  | 2
  | string
  | { readonly a: Plan }
  | { readonly t: readonly Plan[] }
  | { readonly o: { readonly [field: string]: Plan } }
  | { readonly u: readonly [tag: string, cases: { readonly [value: string]: Plan }] }
  | readonly Plan[];

/** Plans by name, for types that are recursive or used often. */
export type Plans = { readonly [name: string]: Plan };

/** Reads and writes what JSON has no form for: the module `trunkline/revive`. */
export interface Revive {
  read(value: unknown, plan: Plan | undefined, plans: Plans): unknown;
  readonly write: Replacer;
}

/** The parameters of a method, without the options of the call, which are the last one. */
export type Args<F> = F extends (...args: infer A) => unknown ? WithoutLast<A> : never;
type WithoutLast<A extends unknown[]> = number extends Required<A>["length"]
  ? A
  : Required<A> extends [unknown] | []
    ? []
    : A extends [infer Param, ...infer Rest]
      ? [Param, ...WithoutLast<Rest>]
      : A extends [(infer Param)?, ...infer Rest]
        ? [Param?, ...WithoutLast<Rest>]
        : [];

/** Makes the call of a method, by its name on the wire. */
export type MakeCall = (
  name: string,
  params: unknown,
  options: CallOptions | undefined,
  method: MethodDef,
) => Call<unknown, AppError>;

/** Makes the stub of a service. */
export function stub<S>(def: ServiceDef<S>, call: MakeCall): S {
  const methods: Record<string, unknown> = {};
  for (const [name, method] of Object.entries<MethodDef>(def.methods)) {
    const count = method.p.length;
    methods[name] = (...args: unknown[]) => {
      const params = method.b ? args[0] : positional(args, count);
      return call(method.n ?? name, params, args[count] as CallOptions | undefined, method);
    };
  }
  // Not seen by spreads, keys and developer tools; `trunkline/tanstack-query` makes its keys with it.
  return Object.defineProperty(methods, DEF, { value: def }) as S;
}

/** Parameters by position, without those at the end that were left out. */
function positional(args: unknown[], count: number): unknown[] | undefined {
  const params = args.slice(0, count);
  while (params.length > 0 && params.at(-1) === undefined) params.pop();
  return params.length > 0 ? params : undefined;
}

/** Under which a stub knows its service. */
export const DEF: unique symbol = Symbol.for("trunkline.service") as never;
