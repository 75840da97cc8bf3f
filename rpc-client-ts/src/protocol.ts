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

/** One frame, as its kind and its fields. */
export type Frame =
  | [kind: typeof HELLO, hello: Hello]
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

/** Reads one frame. Throws if it is not one. */
export function decode<P extends Packet>(codec: Codec<P>, bytes: P): Frame {
  const fields = codec.read(bytes, payloadAt);
  const kind = fields[0];
  const checks = isWhole(kind) ? FIELDS[kind] : undefined;
  if (!checks) throw new Broken("a frame is of a kind that does not exist");
  if (!checks.every((check, i) => check(fields[i + 1]))) throw new Broken(`a frame of kind ${kind} has a bad field`);
  const at = payloadAt(kind);
  if (at) {
    fields[at] ??= () => null;
    if (kind !== PUBLICATION) fields[at - 1] ||= {};
  }
  return fields as unknown as Frame;
}

/** Where the payload stands in frames of this kind, if they have one. */
function payloadAt(kind: unknown): number | undefined {
  return isWhole(kind) ? PAYLOAD_AT[kind] : undefined;
}

/** What in a head this version does not have, or a later one has added in a way that must not be ignored. */
export function unavailable(head: Head): string | undefined {
  for (const key in head) {
    const value = head[key];
    const empty = Array.isArray(value) && value.length === 0;
    if (/^[A-Z]/.test(key) || (/^[opkcsr]$/.test(key) && !empty)) {
      return `what ${key.slice(0, 16)} in the head of a frame asks for is not available in this version`;
    }
  }
  return undefined;
}

type Check = (value: unknown) => boolean;

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const isId: Check = (value) => isWhole(value) && value > 0;
const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
const list =
  (check: Check, least = 0): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.every(check);

/** A map with these keys, of which those named last have to be there. */
const map =
  (checks: Record<string, Check>, ...required: string[]): Check =>
  (value) =>
    isMap(value) &&
    required.every((key) => value[key] !== undefined) &&
    Object.entries(checks).every(([key, check]) => value[key] === undefined || check(value[key]));

/** A head, or 0 in place of an empty one, or nothing. */
const head = (checks: Record<string, Check>): Check => {
  const check = map(checks);
  return (value) => value === undefined || value === 0 || check(value);
};

const limits = map({ packet: isWhole, in_flight: isWhole });
const resume = map({ session: isText, token: isText, taken: isWhole }, "session", "token", "taken");
const failure = map({ code: isText, message: isText, retry_ms: isWhole, ref: isText, executed: isFlag }, "code");
const wholes = list(isWhole);
const requestHead = head({
  t: isWhole,
  m: isMap,
  i: isText,
  o: isWhole,
  p: (path) => Array.isArray(path) && isId(path[0]),
  k: (keep) => keep === 1 || keep === true,
  c: wholes,
  s: wholes,
  r: list((ref) => Array.isArray(ref) && isWhole(ref[0]) && isId(ref[1])),
});
const valueHead = head({ c: wholes, s: wholes });

/** What the fields behind the kind are; payloads, which stand last, are not looked at. */
const FIELDS: Record<number, readonly Check[]> = {
  [HELLO]: [
    map({ v: isWhole, client: isText, uid: isText, token: isText, resume, js: isWhole, limits, services: isMap }, "v"),
  ],
  [WELCOME]: [
    map(
      {
        v: isWhole,
        session: isText,
        user: isText,
        resumed: isFlag,
        taken: isWhole,
        token: isText,
        resume_ms: isWhole,
        ping_ms: isWhole,
        spread_ms: isWhole,
        expires_ms: isWhole,
        limits,
        services: isMap,
      },
      "v",
      "session",
    ),
  ],
  [REQUEST]: [isId, isText, requestHead],
  [NOTIFY]: [isText, requestHead],
  [OK]: [isId, valueHead],
  [ERROR]: [isId, valueHead],
  [FAIL]: [isId, failure],
  [ITEM]: [
    isId,
    head({ c: wholes, s: wholes, o: (place) => Array.isArray(place) && isText(place[0]) && isWhole(place[1]) }),
  ],
  [CANCEL]: [isId],
  [CREDIT]: [isId, isWhole, isWhole],
  [RELEASE]: [list(list(isWhole, 2)), list(isId)],
  [BROKEN]: [isWhole, failure],
  [PUBLICATION]: [isText, isText, isWhole, isText],
  [POSITION]: [isText, isText, isWhole, isWhole],
  [ACK]: [isWhole],
  [PING]: [isWhole],
  [PONG]: [isWhole],
  [GOAWAY]: [map({ reason: isText, after_ms: isWhole, grace_ms: isWhole, final: isFlag }, "reason")],
};

const PAYLOAD_AT: Record<number, number> = {
  [REQUEST]: 4,
  [NOTIFY]: 3,
  [OK]: 3,
  [ERROR]: 3,
  [ITEM]: 3,
  [PUBLICATION]: 5,
};
