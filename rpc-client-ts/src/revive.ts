/**
 * What JSON has no form for: `bigint` and bytes. A generated file imports this where its types need it, so that nobody else
 * pays for it.
 *
 * A plan, which the generator writes, says where in a value such things are. Reading follows the plan; writing needs none,
 * because a `bigint` and a `Uint8Array` say themselves what they are.
 */

import type { Replacer } from "./codec.ts";
import type { Plan, Plans, Revive } from "./service.ts";

/** Reads and writes what JSON has no form for. */
export const revive: Revive = { read, write };

function read(value: unknown, plan: Plan | undefined, plans: Plans): unknown {
  if (!plan || value === null || value === undefined) return value;
  if (plan === 1) return typeof value === "string" ? bytes(value) : value;
  if (plan === 2) return typeof value === "string" ? integer(value) : value;
  if (typeof plan === "string") return read(value, plans[plan], plans);
  if (Array.isArray(plan)) return plan.reduce((it: unknown, step: Plan) => read(it, step, plans), value);
  if (typeof value === "object") inside(value as Record<string, unknown>, plan as Inside, plans);
  return value;
}

type Inside = Exclude<Plan, number | string | readonly Plan[]>;

/** Changes what is in a list or map. The value was made by a codec, so nobody else has it. */
function inside(value: Record<string, unknown>, plan: Inside, plans: Plans): void {
  const each = (keys: Iterable<string>, plan: (key: string) => Plan | undefined): void => {
    for (const key of keys) if (Object.hasOwn(value, key)) value[key] = read(value[key], plan(key), plans);
  };
  if ("a" in plan) each(Object.keys(value), () => plan.a);
  else if ("t" in plan) each(Object.keys(plan.t), (key) => plan.t[Number(key)]);
  else if ("o" in plan) each(Object.keys(plan.o), (key) => plan.o[key]);
  else {
    const [tag, cases] = plan.u;
    const name = value[tag];
    if (typeof name === "string" && Object.hasOwn(cases, name)) read(value, cases[name], plans);
  }
}

function integer(text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw new TypeError("a 64-bit integer is not a string of decimal digits");
  return BigInt(text);
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function write(this: unknown, key: string, value: unknown): unknown {
  // Node's `Buffer` has a form in JSON of its own, which has been taken by now.
  const original = (this as Record<string, unknown>)[key];
  if (original instanceof Uint8Array) return base64(original);
  return typeof value === "bigint" ? `${value}` : value;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  // More arguments at once would not fit the stack.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

write satisfies Replacer;
