/**
 * The native protocol (`docs/protocol.md`): which kinds of frames there are and what their fields are. Pure functions; what a
 * frame means for calls is the business of `session.ts`, for the socket that of `link.ts`.
 */

import { Broken, type Codec, type Packet, type Payload } from "./codec.ts";

export const HELLO = 1;
export const WELCOME = 2;
export const REQUEST = 3;
export const NOTIFY = 4;
export const OK = 5;
export const ERROR = 6;
export const FAIL = 7;
export const ITEM = 8;
export const CANCEL = 9;
export const CREDIT = 10;
export const RELEASE = 11;
export const BROKEN = 12;
export const PUBLICATION = 13;
export const POSITION = 14;
export const ACK = 15;
export const PING = 16;
export const PONG = 17;
export const GOAWAY = 18;

/** What one side takes from the other. */
export interface Limits {
  /** Bytes in one packet. */
  packet: number;
  /** Requests without an answer. */
  in_flight: number;
  /** Streams at once. */
  streams?: number;
  /** Items of one stream that wait to be taken, and bytes of them. */
  stream_items?: number;
  stream_bytes?: number;
}

/** What the client says first. */
export interface Hello {
  v: number;
  client?: string;
  uid?: string | undefined;
  token?: string | undefined;
  resume?: { session: string; token: string; taken: number };
  js?: number;
  limits?: Partial<Limits>;
  services?: Record<string, unknown> | undefined;
}

/** What the server says first. */
export interface Welcome {
  v: number;
  session: string;
  user?: string;
  resumed?: boolean;
  taken?: number;
  token?: string;
  resume_ms?: number;
  ping_ms?: number;
  spread_ms?: number;
  expires_ms?: number;
  limits?: Partial<Limits>;
  /** The server's hashes of the services for which the client has others. */
  services?: Record<string, unknown>;
}

/** What stands beside parameters or a value: a map with one-letter keys. */
export type Head = Readonly<Record<string, unknown>>;

/** An error of Trunkline's own. */
export interface Failure {
  code: string;
  message?: string;
  retry_ms?: number;
  ref?: string;
  executed?: boolean;
}

/** The server is about to go. */
export interface Goaway {
  reason: string;
  after_ms?: number;
  grace_ms?: number;
  final?: boolean;
}

/** One frame that a server may send, as its kind and its fields. */
export type Frame =
  | [kind: typeof WELCOME, welcome: Welcome]
  | [kind: typeof REQUEST, id: number, method: string, head: Head, params: Payload]
  | [kind: typeof NOTIFY, method: string, head: Head, params: Payload]
  | [kind: typeof OK | typeof ERROR | typeof ITEM, id: number, head: Head, value: Payload]
  | [kind: typeof FAIL, id: number, failure: Failure]
  | [kind: typeof CANCEL, id: number]
  | [kind: typeof CREDIT, id: number, items: number, bytes: number]
  | [kind: typeof RELEASE, capabilities: [number, number][], ids: number[]]
  | [kind: typeof BROKEN, capability: number, failure: Failure]
  | [kind: typeof PUBLICATION, channel: string, epoch: string, offset: number, method: string, value: Payload]
  | [kind: typeof POSITION, channel: string, epoch: string, offset: number, missed: number]
  | [kind: typeof ACK | typeof PING | typeof PONG, number: number]
  | [kind: typeof GOAWAY, goaway: Goaway];

/** Reads one frame. Throws if it is not one that a server may send. */
export function decode<P extends Packet>(codec: Codec<P>, bytes: P): Frame {
  const fields = codec.read(bytes, payloadAt);
  const kind = fields[0];
  const letters = isWhole(kind) ? FIELDS[kind] : undefined;
  if (!letters) throw new Broken("bad frame");
  if (![...letters].every((letter, i) => CHECKS[letter]?.(fields[i + 1]))) {
    throw new Broken(`bad frame of kind ${kind}`);
  }
  const at = payloadAt(kind);
  if (at) {
    fields[at] ??= () => null;
    if (kind !== PUBLICATION) fields[at - 1] ||= {};
  }
  return fields as unknown as Frame;
}

/** Where the payload stands in frames of this kind, if they have one. */
function payloadAt(kind: unknown): number | undefined {
  return (isWhole(kind) && (FIELDS[kind]?.indexOf("*") ?? -1) + 1) || undefined;
}

/** What in a head this version does not have, or a later one has added in a way that must not be ignored. */
export function unavailable(head: Head): string | undefined {
  const key = Object.keys(head).find(
    (key) => /^[A-Z]|^[opkcsr]$/.test(key) && !(Array.isArray(head[key]) && head[key].length === 0),
  );
  return key && `${key.slice(0, 16)} in a head is not available`;
}

type Check = (value: unknown) => boolean;

/** Whether it is an integer that is not negative. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === "[object Object]";

/** A map whose keys, where they are there, have values of such letters; `!` says that a key has to be there. */
const map =
  (keys: Record<string, string>): Check =>
  (value) =>
    isMap(value) &&
    Object.entries(keys).every(([key, [letter, required]]) =>
      value[key] === undefined ? !required : CHECKS[letter as string]?.(value[key]),
    );

/** A head, which may be 0 or absent. */
const head = (keys: Record<string, string>): Check => {
  const check = map(keys);
  return (value) => value === undefined || value === 0 || check(value);
};

/** What a field may be, by the letters that stand for it below. */
const CHECKS: Record<string, Check> = {
  "*": () => true,
  n: isWhole,
  i: (value) => isWhole(value) && value > 0,
  s: (value) => typeof value === "string",
  b: (value) => typeof value === "boolean",
  m: isMap,
  a: Array.isArray,
  N: (value) => Array.isArray(value) && value.every(isWhole),
  l: map({ packet: "n", in_flight: "n" }),
  f: map({ code: "s!", message: "s", retry_ms: "n", ref: "s", executed: "b" }),
  h: head({ t: "n", m: "m", i: "s", o: "n", p: "a", c: "N", s: "N", r: "a" }),
  v: head({ c: "N", s: "N" }),
  // What belongs to resuming is not looked at, because nothing is made of it.
  w: map({ v: "n!", session: "s!", user: "s", ping_ms: "n", expires_ms: "n", limits: "l", services: "m" }),
};

/**
 * The fields behind the kind, a letter for each, by the number of the kind; `*` is a payload. A server sends no hello, and no kind 0.
 */
const FIELDS: readonly string[] = "  w ish* sh* iv* iv* if iv* i inn aN nf ssns* ssnn n n n m".split(" ");
