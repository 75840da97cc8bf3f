import type { Call, CallOptions, ServiceDef } from "trunkline";
import { revive } from "trunkline/revive";
export type Failure = { code: "EMPTY" } | { code: "NO_SUCH_ROOM"; data: { roomName: string; lastSeen?: bigint } };
export type How = "Not" | "NoSuchRoom";
export interface Calls {
  add(a: number, b?: number, options?: CallOptions): Call<number>;
  greet(name: string, greeting?: string, times?: number, options?: CallOptions): Call<string>;
  large(signed: bigint, unsigned: bigint | null, bytes: Uint8Array, options?: CallOptions): Call<[Uint8Array, bigint | null, bigint]>;
  note(what: string, options?: CallOptions): Call<void>;
}
export const Calls: ServiceDef<Calls> = { name: "Calls", hash: "1", revive, methods: { add: { p: ["a","b"] }, greet: {p:["name","greeting","times"]}, large: {p:["signed","unsigned","bytes"], x: 1, r: [{ t: [1,2,2] }]}, note: {p:["what"], k: 1} } };
export interface Failures { fail(how: How, options?: CallOptions): Call<number, Failure>; }
export const Failures: ServiceDef<Failures> = { name: "Failures", hash: "2", methods: { fail: { n: "fail.fail", p: ["how"] } } };
