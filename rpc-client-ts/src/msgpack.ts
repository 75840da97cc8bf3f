/**
 * MessagePack, as `import { msgpack } from "trunkline/msgpack"`: smaller than JSON where there are numbers and bytes.
 *
 * The format is that of `spec.md` in msgpack/msgpack. A codec of its own because of the integers: one beyond ±(2^53 − 1) is
 * refused when it is read, and written as the float that it is in JavaScript.
 */

import { Broken, type Codec, MAX_HEAD, StreamRef, UnsafeInteger } from "./codec.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** MessagePack: `connect(url, { codec: msgpack })`. */
export const msgpack: Codec<Bytes> = {
  name: "msgpack",

  encode(value) {
    const writer = new Writer();
    writer.value(value, MAX_DEPTH);
    return writer.bytes();
  },

  frame(fields, payload) {
    const writer = new Writer();
    writer.number(4, 0);
    writer.header(fields.length + (payload ? 1 : 0), 0x90, 16, 0xdc);
    for (const field of fields) writer.value(field, MAX_DEPTH);
    if (payload) writer.raw(payload);
    const frame = writer.bytes();
    new DataView(frame.buffer).setUint32(0, frame.length - 4);
    return frame;
  },

  size: (frame) => frame.length,

  join(frames) {
    const [first] = frames;
    if (first && frames.length === 1) return first;
    const packet = new Uint8Array(frames.reduce((length, frame) => length + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      packet.set(frame, at);
      at += frame.length;
    }
    return packet;
  },

  *split(packet) {
    for (let at = 0; at < packet.length; ) {
      const reader = new Reader(packet.subarray(at));
      const length = reader.number(4);
      if (length === 0) throw new Broken("a frame is empty");
      yield reader.take(length);
      at += 4 + length;
    }
  },

  read(frame, payloadAt) {
    const reader = new Reader(frame);
    const fields = [];
    const count = reader.array();
    let at: number | undefined;
    while (fields.length < count && fields.length !== at) {
      fields.push(reader.value(MAX_DEPTH));
      at ??= payloadAt(fields[0]);
    }
    if (fields.length < count) {
      const payload = reader.rest();
      if (payload.length === 0) throw new Broken("bad end of a frame");
      if (frame.length - payload.length > MAX_HEAD + 1024) throw new Broken("bad head: too large");
      fields.push(Object.assign(() => decode(payload), { bytes: payload }));
    }
    reader.end();
    return fields;
  },
};

function decode(bytes: Bytes): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(MAX_DEPTH);
  reader.end();
  return value;
}

/** How deep values may be nested, as at the server. */
const MAX_DEPTH = 64;

const encoder = new TextEncoder();

/** Writes values into memory that grows. */
class Writer {
  #bytes: Bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  bytes(): Bytes {
    return this.#bytes.slice(0, this.#at);
  }

  value(value: unknown, depth: number): void {
    if (value === null || value === undefined) this.number(1, 0xc0);
    else if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#float(value);
    else if (typeof value === "boolean") this.number(1, value ? 0xc3 : 0xc2);
    else if (typeof value === "bigint") this.#text(`${value}`);
    else if (typeof value !== "object") throw new TypeError(`a ${typeof value} has no form in MessagePack`);
    else if (value instanceof StreamRef) {
      this.number(2, 0xd402);
      this.number(1, value.index);
    } else if (value instanceof Uint8Array) {
      this.header(value.length, 0, 0, 0xc5, 0xc4);
      this.raw(value);
    } else if (depth === 0) throw new RangeError("it is nested more than 64 deep, or contains itself");
    else if (Array.isArray(value)) {
      this.header(value.length, 0x90, 16, 0xdc);
      for (const item of value) this.value(item, depth - 1);
    } else if ("toJSON" in value && typeof value.toJSON === "function") this.value(value.toJSON(), depth - 1);
    else {
      const entries = value instanceof Map ? [...value] : Object.entries(value);
      const present = entries.filter(([, item]) => item !== undefined);
      this.header(present.length, 0x80, 16, 0xde);
      for (const [key, item] of present) {
        this.value(key, 0);
        this.value(item, depth - 1);
      }
    }
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What stands before a text, bytes, an array or a map of `length`: the codes for 16 bits and, behind it, for 32. */
  header(length: number, fix: number, fixed: number, code16: number, code8?: number): void {
    if (length < fixed) this.number(1, fix | length);
    else if (code8 && length < 0x100) this.number(2, (code8 << 8) | length);
    else if (length < 0x10000) {
      this.number(1, code16);
      this.number(2, length);
    } else {
      this.number(1, code16 + 1);
      this.number(4, length);
    }
  }

  /** The lowest `size` bytes of an integer: 1, 2, 4 or 8 of them. */
  number(size: number, value: number): void {
    const at = this.#room(size);
    if (size === 1) this.#view.setUint8(at, value);
    else if (size === 2) this.#view.setUint16(at, value);
    else if (size === 4) this.#view.setUint32(at, value);
    else this.#view.setBigInt64(at, BigInt(value));
  }

  #float(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.number(1, 0xcb);
      // Making room may replace the view.
      const at = this.#room(8);
      this.#view.setFloat64(at, value);
    } else if (value < 128 && value >= -32) this.number(1, value);
    else if (value < 0) {
      const power = value < -0x80000000 ? 3 : value < -0x8000 ? 2 : value < -0x80 ? 1 : 0;
      this.number(1, 0xd0 + power);
      this.number(1 << power, value);
    } else {
      const power = value > 0xffffffff ? 3 : value > 0xffff ? 2 : value > 0xff ? 1 : 0;
      this.number(1, 0xcc + power);
      this.number(1 << power, value);
    }
  }

  #text(text: string): void {
    const bytes = encoder.encode(text);
    this.header(bytes.length, 0xa0, 32, 0xda, 0xd9);
    this.raw(bytes);
  }

  /** Where so many bytes may be written. */
  #room(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(this.#at * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads values one after another. Whatever the bytes are, it throws or moves on. */
class Reader {
  #bytes: Bytes;
  #view: DataView;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  value(depth: number): unknown {
    const code = this.number(1);
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15, depth);
    if (code < 0xa0) return this.#array(code & 15, depth);
    if (code < 0xc0) return this.#text(code & 31);
    if (code >= 0xe0) return code - 0x100;
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.take(this.number(1 << (code - 0xc4))).slice();
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.number(1 << (code - 0xcc));
      case 0xcf:
        return safe(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return safe(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.number(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.number(2 << (code - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.number(2 << (code - 0xde)), depth);
      default:
        throw new Error("it contains a MessagePack extension, which has no meaning here");
    }
  }

  /** The number of items, if an array is next. */
  array(): number {
    const code = this.number(1);
    if (code >= 0x90 && code < 0xa0) return code & 15;
    if (code !== 0xdc && code !== 0xdd) throw new Broken("a frame is not an array");
    return this.number(2 << (code - 0xdc));
  }

  /** An unsigned integer of 1, 2 or 4 bytes. */
  number(size: number): number {
    const at = this.#skip(size);
    return size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  take(length: number): Bytes {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Bytes {
    return this.take(this.#bytes.length - this.#at);
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw new Error("there are bytes behind its end");
  }

  #skip(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new Error("it is cut off");
    return at;
  }

  #text(length: number): string {
    return decoder.decode(this.take(length));
  }

  #array(length: number, depth: number): unknown[] {
    const items = [];
    for (let i = this.#fits(length, depth); i > 0; i--) items.push(this.value(depth - 1));
    return items;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let i = this.#fits(length * 2, depth); i > 0; i -= 2) {
      const key = this.value(0);
      if (typeof key === "object") throw new Error("the key of a map is neither text nor a number");
      const value = this.value(depth - 1);
      // Set like any other key, or it would become the prototype.
      if (key === "__proto__")
        Object.defineProperty(map, key, { value, configurable: true, enumerable: true, writable: true });
      else map[`${key}`] = value;
    }
    return map;
  }

  /** How many values follow. Each takes a byte, so a larger number cannot be true. */
  #fits(values: number, depth: number): number {
    if (depth === 0) throw new Error("it is nested more than 64 deep");
    if (values > this.#bytes.length - this.#at) throw new Error("it is cut off");
    return values;
  }
}

function safe(integer: bigint): number {
  const number = Number(integer);
  if (!Number.isSafeInteger(number)) throw new UnsafeInteger(integer);
  return number;
}
