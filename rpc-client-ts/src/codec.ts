/**
 * What every codec does: values ↔ payloads, fields ↔ frames, frames ↔ packets.
 *
 * A codec knows nothing of kinds of frames or of calls; `protocol.ts` does. JSON comes with the client, MessagePack is the
 * module `trunkline/msgpack`.
 */

/** What one WebSocket message carries, and also a frame or a payload in the same codec: text or bytes. */
export type Packet = string | Uint8Array<ArrayBuffer>;

/** A payload of the peer, which is decoded by calling this; throws if it is no value. */
export interface Payload {
  (): unknown;
  /** As it came. */
  readonly bytes?: Packet;
}

/** How calls are written. Pass `msgpack` of `trunkline/msgpack` to `connect`, or nothing for JSON. */
export interface Codec<P extends Packet = Packet> {
  /** The last part of the subprotocol's name. */
  readonly name: string;
  /**
   * Writes a value; `write` is asked for what has no form in JSON.
   *
   * Throws if the value, or something in it, cannot be sent.
   */
  encode(value: unknown, write?: Replacer): P;
  /** Writes one frame: its fields and, behind them, its payload. */
  frame(fields: readonly unknown[], payload?: P): P;
  /** How many bytes a frame or payload has. */
  size(frame: P): number;
  /** Makes a packet of frames. */
  join(frames: readonly P[]): P;
  /** Cuts a packet into frames. What is broken throws when its turn has come. */
  split(packet: P): Iterable<P>;
  /**
   * Reads the fields of a frame. If it is of a kind whose last field is a payload, `payloadAt` tells its place, and a
   * {@link Payload} stands there.
   */
  read(frame: P, payloadAt: (kind: unknown) => number | undefined): unknown[];
}

/** A replacer as `JSON.stringify` takes it. */
export type Replacer = (this: unknown, key: string, value: unknown) => unknown;

/** The peer broke a rule of the protocol, or the link has to end for another reason: it closes with `code`. */
export class Broken extends Error {
  readonly code: number;

  constructor(message: string, code = 4400) {
    super(message);
    this.code = code;
  }
}

/** An integer that JavaScript would have to round. */
export class UnsafeInteger extends Error {
  constructor(integer: string | bigint) {
    super(`the integer ${`${integer}`.slice(0, 32)} is beyond 2^53 − 1`);
  }
}

/** A stream in the parameters of a call: which one it is. */
export class StreamRef {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }

  toJSON(): unknown {
    return { $stream: this.index };
  }
}

/** The most frames in one packet. */
export const MAX_FRAMES = 4096;

/** How large a head may be, in bytes. */
export const MAX_HEAD: number = 16 << 10;
