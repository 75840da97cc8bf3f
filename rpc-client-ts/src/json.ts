/**
 * JSON: frames are lines of text. What is added to the built-in functions: numbers keep their value or are refused, and a
 * payload that is no value is kept apart from the frame around it.
 */

import { Broken, type Codec, MAX_FRAMES, MAX_HEAD, type Replacer, UnsafeInteger } from "./codec.ts";

const encoder = new TextEncoder();

/** JSON, the codec that is used unless another one is passed. */
export const json: Codec<string> = {
  name: "json",

  encode(value, write) {
    const text = JSON.stringify(value, write);
    if (text === undefined) throw new TypeError(`a ${typeof value} has no form in JSON`);
    // Almost no text has such digits, and few have a null, which is also what becomes of NaN.
    if (text.includes("null")) JSON.stringify(value, finite(write));
    return DIGITS.test(text) ? text.replace(TOKEN, exact) : text;
  },

  frame(fields, payload) {
    // A head may have large integers.
    const text = json.encode(fields);
    return payload === undefined ? text : `${text.slice(0, -1)},${payload}]`;
  },

  size: (frame) => (ASCII.test(frame) ? frame.length : encoder.encode(frame).length),

  join: (frames) => frames.join("\n"),

  split(packet) {
    // More than these are not looked at, so that they need not be cut.
    const frames = packet.split("\n", MAX_FRAMES + 2);
    if (frames.at(-1) === "") frames.pop();
    return frames;
  },

  read(frame, payloadAt) {
    const at = payloadAt(Number(KIND.exec(frame)?.[1]));
    const comma = at === undefined ? -1 : findComma(frame, at);
    if (comma < 0) return parseFields(frame);
    const end = frame.lastIndexOf("]");
    const payload = frame.slice(comma + 1, end);
    if (!BLANK.test(frame.slice(end + 1)) || BLANK.test(payload)) throw new Broken("bad frame");
    return [...parseFields(`${frame.slice(0, comma)}]`), Object.assign(() => decode(payload), { bytes: payload })];
  },
};

function parseFields(text: string): unknown[] {
  const fields: unknown = JSON.parse(text);
  if (!Array.isArray(fields)) throw new Broken("bad frame");
  return fields;
}

/** Where the comma before the field `at` stands, or -1. */
function findComma(frame: string, at: number): number {
  let depth = 0;
  let fields = 0;
  for (let i = 0; i < frame.length; i++) {
    const char = frame[i];
    if (char === '"') {
      while (++i < frame.length && frame[i] !== '"') if (frame[i] === "\\") i++;
    } else if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
    else if (char === "," && depth === 1 && ++fields === at) return i;
    if (depth > 65 || (depth === 2 && i > MAX_HEAD + 1024)) throw new Broken("bad head: too large or too deep");
  }
  return -1;
}

function decode(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (DIGITS.test(text)) {
    for (const [token] of text.matchAll(TOKEN)) if (isUnsafe(token)) throw new UnsafeInteger(token);
  }
  return value;
}

/** Writes integers beyond 2^53 as what they are in JavaScript: a float, which no integer of the peer takes for its own. */
function exact(token: string): string {
  return isUnsafe(token) ? Number(token).toExponential() : token;
}

function isUnsafe(token: string): boolean {
  return INTEGER.test(token) && !Number.isSafeInteger(Number(token));
}

function finite(write: Replacer | undefined): Replacer {
  return function (key, value) {
    if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`${value} has no form in JSON`);
    return write ? write.call(this, key, value) : value;
  };
}

const KIND = /^[ \t\r]*\[[ \t\r]*(\d+)/;
const BLANK = /^[ \t\r]*$/;
const ASCII = /^[ -~]*$/;
const DIGITS = /\d{16}/;
const INTEGER = /^-?\d{16,}$/;

/** Strings and numbers. Only for text that is known to be JSON: on other text it would take long. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
