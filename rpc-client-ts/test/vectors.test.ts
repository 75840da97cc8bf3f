/**
 * The protocol against `tests/vectors/native.json`, which the Rust peers read as well.
 */

import { describe, expect, test } from "vitest";
import vectors from "../../tests/vectors/native.json" with { type: "json" };
import type { Codec, Packet } from "../src/codec.ts";
import { json } from "../src/json.ts";
import { msgpack } from "../src/msgpack.ts";
import * as kinds from "../src/protocol.ts";
import { decode, type Frame } from "../src/protocol.ts";
import { revive } from "../src/revive.ts";
import { bytes, hex } from "./support/hex.ts";

type Message = Record<string, unknown> & { kind: string };

/** What a frame says, as the vectors write it. */
function messageOf(frame: Frame): Message {
  switch (frame[0]) {
    case kinds.WELCOME: {
      const { limits, ...rest } = frame[1];
      const defaults = { resumed: false, taken: 0, token: "", resume_ms: 0, ping_ms: 0, spread_ms: 0 };
      return { kind: "welcome", ...defaults, ...rest, limits: { packet: 1 << 20, in_flight: 1024, ...known(limits) } };
    }
    case kinds.REQUEST:
      return { kind: "request", id: frame[1], method: frame[2], head: head(frame[3]), params: frame[4]() };
    case kinds.NOTIFY:
      return { kind: "notify", method: frame[1], head: head(frame[2]), params: frame[3]() };
    case kinds.OK:
      return { kind: "ok", id: frame[1], head: frame[2], value: frame[3]() };
    case kinds.ERROR:
      return { kind: "error", id: frame[1], head: frame[2], value: frame[3]() };
    case kinds.ITEM:
      return { kind: "item", id: frame[1], head: frame[2], value: frame[3]() };
    case kinds.FAIL:
      return { kind: "fail", id: frame[1], failure: failure(frame[2]) };
    case kinds.CANCEL:
      return { kind: "cancel", id: frame[1] };
    case kinds.CREDIT:
      return { kind: "credit", id: frame[1], items: frame[2], bytes: frame[3] };
    case kinds.RELEASE:
      return { kind: "release", capabilities: frame[1], ids: frame[2] };
    case kinds.BROKEN:
      return { kind: "broken", capability: frame[1], failure: failure(frame[2]) };
    case kinds.PUBLICATION: {
      const [, channel, epoch, offset, method, value] = frame;
      return { kind: "publication", channel, epoch, offset, method, value: value() };
    }
    case kinds.POSITION:
      return { kind: "position", channel: frame[1], epoch: frame[2], offset: frame[3], missed: frame[4] };
    case kinds.ACK:
      return { kind: "ack", count: frame[1] };
    case kinds.PING:
      return { kind: "ping", token: frame[1] };
    case kinds.PONG:
      return { kind: "pong", token: frame[1] };
    case kinds.GOAWAY:
      return { kind: "goaway", after_ms: 0, grace_ms: 0, final: false, ...frame[1] };
  }
}

function known(limits: object | undefined): object {
  const entries = Object.entries(limits ?? {});
  return Object.fromEntries(entries.filter(([key]) => key === "packet" || key === "in_flight"));
}

function head(fields: kinds.Head): object {
  const entries = Object.entries(fields).filter(([key]) => "tmiopkcsr".includes(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, key === "k" ? 1 : value]));
}

/** What the client makes of codes is tested where it makes errors. */
function failure({ code, message = "", ...rest }: kinds.Failure): object {
  return { code: code === "LATER" ? "UNKNOWN" : code, message, ...rest };
}

const NUMBERS: Record<string, number> = {
  hello: kinds.HELLO,
  welcome: kinds.WELCOME,
  request: kinds.REQUEST,
  notify: kinds.NOTIFY,
  ok: kinds.OK,
  error: kinds.ERROR,
  fail: kinds.FAIL,
  item: kinds.ITEM,
  cancel: kinds.CANCEL,
  credit: kinds.CREDIT,
  release: kinds.RELEASE,
  broken: kinds.BROKEN,
  publication: kinds.PUBLICATION,
  position: kinds.POSITION,
  ack: kinds.ACK,
  ping: kinds.PING,
  pong: kinds.PONG,
  goaway: kinds.GOAWAY,
};

/** The fields of a message, and its payload if it has one. */
function fieldsOf(message: Message): [fields: unknown[], payload?: unknown] {
  const { kind, ...rest } = message;
  const values = Object.values(order(kind, rest));
  const number = NUMBERS[kind];
  if (!["request", "notify", "ok", "error", "item", "publication"].includes(kind)) return [[number, ...values]];
  return [[number, ...values.slice(0, -1)], values.at(-1)];
}

function order(kind: string, it: Record<string, unknown>): Record<string, unknown> {
  const empty = it.head && Object.keys(it.head).length === 0;
  const head = empty ? 0 : it.head;
  switch (kind) {
    case "request":
      return { id: it.id, method: it.method, head, params: it.params };
    case "notify":
      return { method: it.method, head, params: it.params };
    case "ok":
    case "error":
    case "item":
      return { id: it.id, head, value: it.value };
    case "fail":
      return { id: it.id, failure: it.failure };
    case "credit":
      return { id: it.id, items: it.items, bytes: it.bytes };
    case "broken":
      return { capability: it.capability, failure: it.failure };
    case "release":
      return { capabilities: it.capabilities, ids: it.ids };
    case "publication":
      return { channel: it.channel, epoch: it.epoch, offset: it.offset, method: it.method, value: it.value };
    case "position":
      return { channel: it.channel, epoch: it.epoch, offset: it.offset, missed: it.missed };
    case "hello":
    case "welcome":
    case "goaway":
      return { it };
    default:
      return it;
  }
}

interface Case {
  name: string;
  message?: Message;
  messages?: Message[];
  json?: string;
  msgpack?: string;
  read_only?: boolean;
  type?: string;
  value?: string;
  to?: string;
  close?: number;
}

const cases = vectors as unknown as Case[];

describe.each([
  { codec: json as Codec, wire: (it: Case) => it.json, packet: (it: Case) => it.json },
  {
    codec: msgpack as Codec,
    // The frame of a vector has no length in front of it; the client's own function writes one.
    wire: (it: Case) => it.msgpack && bytes(it.msgpack),
    packet: (it: Case) => it.msgpack && bytes(it.msgpack),
  },
])("$codec.name", ({ codec, wire, packet }) => {
  const frames = cases.filter((it) => it.message && wire(it) !== undefined);
  // No server sends a hello, so this client does not read them.
  const readable = frames.filter((it) => it.message?.kind !== "hello");

  test.each(readable)("reads $name", (it) => {
    expect(messageOf(decode(codec, wire(it) as Packet))).toEqual(it.message);
  });

  test.each(frames.filter((it) => !it.read_only))("writes $name", (it) => {
    const [fields, payload] = fieldsOf(it.message as Message);
    const encoded = payload === undefined ? undefined : codec.encode(payload);
    const frame = codec.frame(fields, encoded);
    // The order of keys has no meaning, so what was written is read by the codec and compared.
    const expected = codec.name === "json" ? wire(it) : bytes(lengthOf(it.msgpack ?? "") + it.msgpack);
    expect(read(codec, frame)).toEqual(read(codec, expected as Packet));
    expect(codec.size(frame)).toBe(codec.size(expected as Packet));
  });

  test.each(cases.filter((it) => it.messages))("reads the packet: $name", (it) => {
    const read = [...codec.split(packet(it) as Packet)];
    expect(read.length).toBe(it.messages?.length);
    read.forEach((frame, i) => {
      const message = it.messages?.[i];
      if (message?.kind !== "hello") expect(messageOf(decode(codec, frame))).toEqual(message);
    });
  });

  test.each(cases.filter((it) => it.type && it.type !== "bytes"))("$name", (it) => {
    const value = BigInt(it.value ?? "");
    const written = codec.encode(value, revive.write);
    expect(text(written)).toBe(it[codec.name as "json"]);
    expect(revive.read(readValue(codec, written), 2, {})).toBe(value);
  });

  test.each(cases.filter((it) => it.type === "bytes"))("$name", (it) => {
    const value = bytes(it.value ?? "");
    const written = codec.encode(value, revive.write);
    expect(text(written)).toBe(it[codec.name as "json"]);
    expect(revive.read(readValue(codec, written), 1, {})).toEqual(value);
  });

  /** Those that a frame by itself shows to be broken, whoever it is for. */
  const here = [
    "an even id",
    "an odd id",
    "the id of its call",
    "ids do not grow",
    "more than 16 uploads",
    "welcome",
    "hello",
    "publication from",
    "goaway from",
    "request in the place",
    "a version that does not",
  ];
  const broken = cases.filter((it) => it.to && wire(it) !== undefined && !here.some((part) => it.name.includes(part)));

  test.each(broken)("refuses $name", (it) => {
    expect(() => {
      for (const frame of codec.split(packet(it) as Packet)) decode(codec, frame);
    }).toThrow();
  });
});

function read(codec: Codec, frame: Packet): unknown {
  const [one] = [...codec.split(frame)];
  return codec.read(one as Packet, () => undefined);
}

function readValue(codec: Codec, payload: Packet): unknown {
  const frame = codec.frame([kinds.OK, 1, 0], payload);
  const [one] = [...codec.split(frame)];
  const decoded = decode(codec, one as Packet);
  return decoded[0] === kinds.OK ? decoded[3]() : undefined;
}

function text(written: Packet): string {
  return typeof written === "string" ? written : hex(written);
}

function lengthOf(frame: string): string {
  return (frame.length / 2).toString(16).padStart(8, "0");
}
