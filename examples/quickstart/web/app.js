// Generated from app.ts by `cargo xtask gen`, with the client in it.

// rpc-client-ts/dist/error.js
var CODES = /^(CANCELLED|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)$/;
var RpcError = class RpcError2 extends Error {
  static {
    RpcError2.prototype.name = "RpcError";
  }
  constructor({ message, cause, ...fields }) {
    const { kind, method, code, reference } = fields;
    super(kind === "app" ? message : `${[method, code, reference].join(" ")}: ${message}`, cause === void 0 ? void 0 : { cause });
    void this.stack;
    this.message = message;
    for (const [key, value] of Object.entries(fields))
      if (value !== void 0)
        this[key] = value;
  }
};
function failed(method, failure, cause) {
  const { code, message, retry_ms, ref, executed } = failure;
  return new RpcError({
    kind: "rpc",
    code: CODES.test(code) ? code : "UNKNOWN",
    method,
    maybeExecuted: executed === true,
    message: message || code,
    retryAfterMs: retry_ms,
    reference: ref,
    cause
  });
}
function reason(error) {
  return error instanceof Error ? error.message : `${error}`;
}

// rpc-client-ts/src/socket.ts
function platformSocket() {
  return globalThis.WebSocket;
}

// rpc-client-ts/dist/call.js
function newCall(begin) {
  const promise = new Promise((resolve, reject) => begin((read, fails) => {
    if (fails)
      return resolve(Promise.resolve().then().then(read));
    try {
      resolve(read());
    } catch (error) {
      reject(error);
    }
  }));
  return Object.assign(promise, { result });
}
function result() {
  return this.then((value) => ({ ok: true, value }), (error) => ({ ok: false, error }));
}

// rpc-client-ts/dist/codec.js
var Broken = class extends Error {
  code;
  constructor(message, code = 4400) {
    super(message);
    this.code = code;
  }
};
var UnsafeInteger = class extends Error {
  constructor(integer) {
    super(`the integer ${`${integer}`.slice(0, 32)} is beyond 2^53 \u2212 1`);
  }
};
var StreamRef = class {
  index;
  constructor(index) {
    this.index = index;
  }
  toJSON() {
    return { $stream: this.index };
  }
};
var MAX_FRAMES = 4096;
var MAX_HEAD = 16 << 10;

// rpc-client-ts/dist/json.js
var encoder = new TextEncoder();
var json = {
  name: "json",
  encode(value, write) {
    const text = JSON.stringify(value, write);
    if (text === void 0)
      throw new TypeError(`a ${typeof value} has no form in JSON`);
    if (text.includes("null"))
      JSON.stringify(value, finite(write));
    return DIGITS.test(text) ? text.replace(TOKEN, exact) : text;
  },
  frame(fields, payload) {
    const text = json.encode(fields);
    return payload === void 0 ? text : `${text.slice(0, -1)},${payload}]`;
  },
  size: (frame) => ASCII.test(frame) ? frame.length : encoder.encode(frame).length,
  join: (frames) => frames.join("\n"),
  split(packet) {
    const frames = packet.split("\n", MAX_FRAMES + 2);
    if (frames.at(-1) === "")
      frames.pop();
    return frames;
  },
  read(frame, payloadAt2) {
    const at2 = payloadAt2(Number(KIND.exec(frame)?.[1]));
    const comma = at2 === void 0 ? -1 : findComma(frame, at2);
    if (comma < 0)
      return parseFields(frame);
    const end = frame.lastIndexOf("]");
    const payload = frame.slice(comma + 1, end);
    if (!BLANK.test(frame.slice(end + 1)) || BLANK.test(payload))
      throw new Broken("bad frame");
    return [...parseFields(`${frame.slice(0, comma)}]`), Object.assign(() => decode(payload), { bytes: payload })];
  }
};
function parseFields(text) {
  const fields = JSON.parse(text);
  if (!Array.isArray(fields))
    throw new Broken("bad frame");
  return fields;
}
function findComma(frame, at2) {
  let depth = 0;
  let fields = 0;
  for (let i = 0; i < frame.length; i++) {
    const char = frame[i];
    if (char === '"') {
      while (++i < frame.length && frame[i] !== '"')
        if (frame[i] === "\\")
          i++;
    } else if (char === "[" || char === "{")
      depth++;
    else if (char === "]" || char === "}")
      depth--;
    else if (char === "," && depth === 1 && ++fields === at2)
      return i;
    if (depth > 65 || depth === 2 && i > MAX_HEAD + 1024)
      throw new Broken("bad head: too large or too deep");
  }
  return -1;
}
function decode(text) {
  const value = JSON.parse(text);
  if (DIGITS.test(text)) {
    for (const [token] of text.matchAll(TOKEN))
      if (isUnsafe(token))
        throw new UnsafeInteger(token);
  }
  return value;
}
function exact(token) {
  return isUnsafe(token) ? Number(token).toExponential() : token;
}
function isUnsafe(token) {
  return INTEGER.test(token) && !Number.isSafeInteger(Number(token));
}
function finite(write) {
  return function(key, value) {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new RangeError(`${value} has no form in JSON`);
    return write ? write.call(this, key, value) : value;
  };
}
var KIND = /^[ \t\r]*\[[ \t\r]*(\d+)/;
var BLANK = /^[ \t\r]*$/;
var ASCII = /^[ -~]*$/;
var DIGITS = /\d{16}/;
var INTEGER = /^-?\d{16,}$/;
var TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

// rpc-client-ts/dist/protocol.js
var HELLO = 1;
var WELCOME = 2;
var REQUEST = 3;
var NOTIFY = 4;
var OK = 5;
var ERROR = 6;
var FAIL = 7;
var ITEM = 8;
var CANCEL = 9;
var CREDIT = 10;
var PUBLICATION = 13;
var POSITION = 14;
var PING = 16;
var PONG = 17;
function decode2(codec, bytes) {
  const fields = codec.read(bytes, payloadAt);
  const kind = fields[0];
  const letters = isWhole(kind) ? FIELDS[kind] : void 0;
  if (!letters)
    throw new Broken("bad frame");
  if (![...letters].every((letter, i) => CHECKS[letter]?.(fields[i + 1]))) {
    throw new Broken(`bad frame of kind ${kind}`);
  }
  const at2 = payloadAt(kind);
  if (at2) {
    fields[at2] ??= () => null;
    if (kind !== PUBLICATION)
      fields[at2 - 1] ||= {};
  }
  return fields;
}
function payloadAt(kind) {
  return isWhole(kind) && (FIELDS[kind]?.indexOf("*") ?? -1) + 1 || void 0;
}
function unavailable(head2) {
  const key = Object.keys(head2).find((key2) => /^[A-Z]|^[opkcsr]$/.test(key2) && !(Array.isArray(head2[key2]) && head2[key2].length === 0));
  return key && `${key.slice(0, 16)} in a head is not available`;
}
function isWhole(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
var isMap = (value) => Object.prototype.toString.call(value) === "[object Object]";
var map = (keys) => (value) => isMap(value) && Object.entries(keys).every(([key, [letter, required]]) => value[key] === void 0 ? !required : CHECKS[letter]?.(value[key]));
var head = (keys) => {
  const check = map(keys);
  return (value) => value === void 0 || value === 0 || check(value);
};
var CHECKS = {
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
  w: map({ v: "n!", session: "s!", user: "s", ping_ms: "n", expires_ms: "n", limits: "l", services: "m" })
};
var FIELDS = "  w ish* sh* iv* iv* if iv* i inn aN nf ssns* ssnn n n n m".split(" ");

// rpc-client-ts/dist/timer.js
var MAX_TIMER = 2 ** 31 - 1;
function after(ms, act) {
  return ms < Infinity ? setTimeout(act, Math.min(ms, MAX_TIMER)) : void 0;
}

// rpc-client-ts/dist/session.js
var Session = class {
  /** Is told what the peer sends by itself. */
  event;
  codec;
  #outlet;
  limits = DEFAULTS;
  /** Calls that wait, in their order. */
  #unsent = /* @__PURE__ */ new Set();
  /** Requests that the peer has not answered, also those that were given up here. */
  sent = /* @__PURE__ */ new Map();
  /** Frames that go before calls: cancellations and answers by the ids of their requests, the newest pong by 0. */
  #urgent = /* @__PURE__ */ new Map();
  lastId;
  #lastPeerId = 0;
  #awake = false;
  #ended;
  /** `lastId` is the last id that was used. */
  constructor(codec, lastId = -1) {
    this.codec = codec;
    this.lastId = lastId;
  }
  /** Makes a call, which ends at once if it can never be sent. The result gives it up. */
  call(request) {
    const { head: head2, timeout } = request;
    const failure = this.#ended ?? (timeout > 0 ? void 0 : late(request)) ?? (head2 && tooLarge("`meta`", this.codec.size(this.codec.encode(head2)), MAX_HEAD));
    if (failure) {
      request.end([FAIL, failure]);
      return () => {
      };
    }
    const pending = {
      request,
      deadline: performance.now() + timeout,
      timer: after(timeout, () => this.cancel(pending, late(request)))
    };
    this.#unsent.add(pending);
    this.wake();
    return () => this.cancel(pending, CANCELLED);
  }
  /** Goes on with a link, whose peer takes so much, and sends what has waited. */
  attach(outlet, limits) {
    const told = { ...DEFAULTS, ...limits };
    this.limits = { ...told, packet: Math.max(told.packet, 1024) };
    this.#outlet = outlet;
    this.flush();
  }
  /** Sends now what would be sent at the end of the turn. */
  flush = () => {
    this.#awake = false;
    const fill = Math.min(FILL, this.limits.packet);
    while (this.#outlet?.hasRoom()) {
      const frames = this.gather(fill, Infinity);
      if (frames.length === 0)
        return;
      this.#outlet.send(this.codec.join(frames));
    }
    if (this.#outlet) {
      this.#awake = true;
      setTimeout(this.flush, 10);
    }
  };
  /** Ends every call with `failure`, also those to come; those that were sent, for whose outcome it is unknown, as `lost`. */
  end(failure, lost) {
    this.#ended = failure;
    this.#outlet = void 0;
    for (const pending of [...this.sent.values(), ...this.#unsent]) {
      finish(pending, [FAIL, pending.id ? { ...failure, message: lost, executed: true } : failure]);
    }
    this.sent.clear();
    this.#unsent.clear();
  }
  /** Takes in a frame that is not the link's own. Throws if the peer may not send it. */
  handle(frame) {
    switch (frame[0]) {
      case OK:
      case ERROR: {
        const [kind, id, head2, value] = frame;
        const message = unavailable(head2);
        this.answered(id, message ? [FAIL, { code: "UNIMPLEMENTED", message, executed: true }] : [kind, value]);
        break;
      }
      case FAIL:
        this.answered(frame[1], [FAIL, frame[2]]);
        break;
      case NOTIFY:
        if (!unavailable(frame[2]))
          this.event(frame[1], frame[3]);
        break;
      case REQUEST: {
        const [, id, , head2] = frame;
        if (id % 2 === 1 || id <= this.#lastPeerId)
          throw new Broken("bad id");
        this.#lastPeerId = id;
        this.asked(frame, unavailable(head2));
        if (this.#urgent.size > MAX_URGENT)
          throw new Broken("the server does not read", 4431);
        break;
      }
      case PING:
        this.urge(0, [PONG, frame[1]]);
        break;
      case WELCOME:
        throw new Broken("bad frame");
    }
  }
  answered(id, outcome) {
    const pending = this.sent.get(id);
    this.sent.delete(id);
    if (pending)
      finish(pending, outcome);
    if (this.lastId >= MAX_ID && this.sent.size === 0)
      throw new Broken("no ids are left", 4440);
    this.wake();
  }
  /** Answers a request of the peer; `message` says what is not available of it. */
  asked([, id], message = "no such method") {
    this.urge(id, [FAIL, id, { code: "UNIMPLEMENTED", message }]);
  }
  cancel(pending, failure) {
    const { id } = pending;
    if (pending.over)
      return;
    if (id === void 0)
      this.#unsent.delete(pending);
    else
      this.urge(id, [CANCEL, id]);
    finish(pending, [FAIL, { ...failure, executed: id !== void 0 }]);
    this.wake();
  }
  /** Sends something soon, in the place of what has not been sent yet by this number. */
  urge(id, fields, payload) {
    this.#urgent.set(id, this.codec.frame(fields, payload));
    this.wake();
  }
  /** Sends at the end of the turn, so that what is wished for together travels together. */
  wake() {
    if (this.#awake || !this.#outlet)
      return;
    this.#awake = true;
    queueMicrotask(this.flush);
  }
  /** The frames of the next packet: `fill` bytes of them, or one that is larger if it fits into `alone`. */
  gather(fill, alone) {
    const frames = [];
    for (let size = 0; size < fill; ) {
      const frame = this.next(frames.length > 0 ? fill - size : alone);
      if (frame === void 0)
        break;
      frames.push(frame);
      size += this.codec.size(frame) + 1;
    }
    return frames;
  }
  /** The next frame, if there is one that may be sent and takes no more than `room`. */
  next(room2) {
    for (const [id, frame] of this.#urgent) {
      if (this.codec.size(frame) > room2)
        return void 0;
      this.#urgent.delete(id);
      return frame;
    }
    for (const pending of this.#unsent) {
      const { oneway, streams } = pending.request;
      if (!oneway && !this.mayLeave(pending.request)) {
        if (streams)
          continue;
        break;
      }
      const frame = this.write(pending, this.lastId + 2);
      const size = this.codec.size(frame);
      const failure = tooLarge("the call", size, this.limits.packet);
      if (!failure && size > room2)
        break;
      this.#unsent.delete(pending);
      if (failure)
        finish(pending, [FAIL, failure]);
      else if (oneway)
        finish(pending, [OK, () => void 0]);
      else
        this.leave(pending);
      if (!failure)
        return frame;
    }
    return void 0;
  }
  /** Whether the peer takes another call. */
  mayLeave(_) {
    return this.sent.size < this.limits.in_flight && this.lastId < MAX_ID;
  }
  leave(pending) {
    this.sent.set(pending.id = this.lastId += 2, pending);
  }
  write({ request, deadline }, id) {
    const { method, params, oneway, head: head2 = 0 } = request;
    const left = Math.ceil(Math.max(0, Math.min(deadline - performance.now(), MAX_TIMER)));
    const fields = oneway ? [NOTIFY, method] : [REQUEST, id, method];
    if (head2 || params !== void 0)
      fields.push(head2 && head2.t !== void 0 ? { ...head2, t: left } : head2);
    return this.codec.frame(fields, params);
  }
};
function tooLarge(what, size, most) {
  if (size <= most)
    return void 0;
  return { code: "INVALID_ARGUMENT", message: `${what} takes ${size} bytes and the peer accepts ${most}` };
}
function finish(pending, outcome) {
  if (pending.over)
    return;
  pending.over = true;
  clearTimeout(pending.timer);
  pending.request.end(outcome);
}
var CANCELLED = { code: "CANCELLED", message: "cancelled by the caller" };
function late({ method, timeout }) {
  return { code: "DEADLINE_EXCEEDED", message: `\`${method}\` gave no answer within ${timeout} ms` };
}
var DEFAULTS = { packet: 1 << 20, in_flight: 1024 };
var FILL = 16 << 10;
var MAX_ID = Number.MAX_SAFE_INTEGER;
var MAX_URGENT = 8192;

// rpc-client-ts/dist/link.js
var Link = class {
  /** Resolves when the socket is closed, or a second after this side has closed it. */
  closed;
  #socket;
  /** What this client offers and the server has to take up. */
  #protocol;
  /** Whom the frames are from and for. */
  #session;
  #user;
  #welcomed = false;
  #ended = false;
  #heardAt = 0;
  /** Of the silence until the end, then of the wait for the socket. */
  #timer;
  #gone;
  constructor(dial, session, user) {
    this.#protocol = `trunkline.v1.${session.codec.name}`;
    const socket = dial(this.#protocol);
    this.#socket = socket;
    this.#session = session;
    this.#user = user;
    socket.binaryType = "arraybuffer";
    let trouble = "";
    this.closed = new Promise((resolve) => {
      this.#gone = resolve;
    });
    const closed = ({ code = 1006, reason: reason2 }) => {
      this.#end({ code, reason: reason2 || trouble });
      clearTimeout(this.#timer);
      this.#gone();
    };
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", ({ data }) => this.#take(typeof data === "string" ? data : new Uint8Array(data)));
    socket.addEventListener("close", closed);
    socket.addEventListener("error", ({ message = "" }) => {
      trouble = message;
      setTimeout(closed, 1e3, {});
    });
  }
  send(packet) {
    if (!this.#ended)
      this.#socket.send(packet);
  }
  hasRoom() {
    return this.#socket.bufferedAmount < MARK;
  }
  /** Ends the link. What was sent before still arrives. */
  close(code, reason2 = "") {
    if (this.#ended)
      return;
    this.#end({ code, reason: reason2 });
    this.#socket.close(code, reason2);
    this.#timer = after(1e3, this.#gone);
  }
  #open() {
    const { codec } = this.#session;
    if (this.#socket.protocol !== this.#protocol) {
      this.close(4400, "the server does not speak this subprotocol");
      return;
    }
    const hello = codec.frame([HELLO, this.#user.hello()]);
    const room2 = (16 << 10) - codec.size(hello) - 1;
    this.send(codec.join([hello, ...this.#session.gather(room2, room2)]));
  }
  #take(packet) {
    if (this.#ended)
      return;
    this.#heardAt = performance.now();
    const { codec } = this.#session;
    let count = 0;
    try {
      if (typeof packet !== typeof codec.join([]))
        throw new Broken("bad kind of packet (1003)");
      if (codec.size(packet) > DEFAULTS.packet)
        throw new Broken("too large a packet (1009)");
      for (const bytes of codec.split(packet)) {
        if (++count > MAX_FRAMES)
          throw new Broken("too many frames");
        const frame = decode2(codec, bytes);
        if (!this.#welcomed)
          this.#welcome(frame);
        else
          this.#session.handle(frame);
        if (this.#ended)
          return;
      }
    } catch (error) {
      const { code, message } = error instanceof Broken ? error : new Broken("bad frame");
      this.close(code, message);
    }
  }
  #welcome(frame) {
    if (frame[0] !== WELCOME)
      throw new Broken("bad frame");
    const [, welcome] = frame;
    if (welcome.v !== 1)
      throw new Broken("bad version");
    this.#welcomed = true;
    if (welcome.ping_ms)
      this.#watch(Math.max(35e3, welcome.ping_ms + 1e4));
    this.#user.welcomed(welcome, this);
  }
  /** Ends the link if nothing is heard for `patience` milliseconds. */
  #watch(patience) {
    const left = this.#heardAt + patience - performance.now();
    if (left <= 0)
      this.close(4410, "nothing was heard from the server");
    else
      this.#timer = after(left, () => this.#watch(patience));
  }
  #end(close) {
    if (this.#ended)
      return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#user.end(close);
  }
};
var MARK = 256 << 10;

// rpc-client-ts/dist/outcome.js
function understand(name2, outcome, cause, method, revival) {
  if (outcome[0] === FAIL)
    throw failed(name2, outcome[1], cause);
  const [kind, payload] = outcome;
  const plan = method?.r?.[kind === OK ? 0 : 1];
  let value;
  try {
    value = payload();
    if (plan && revival?.revive)
      value = revival.revive.read(value, plan, revival.plans ?? {});
  } catch (error) {
    const message = `the answer cannot be read: ${reason(error)}`;
    throw failed(name2, { code: error instanceof UnsafeInteger ? "OUT_OF_RANGE" : "INTERNAL", message, executed: true }, error);
  }
  if (kind === OK)
    return value;
  const { code, data } = value ?? {};
  if (typeof code !== "string") {
    throw failed(name2, { code: "UNKNOWN", executed: true });
  }
  throw new RpcError({
    kind: "app",
    method: name2,
    code,
    data,
    maybeExecuted: true,
    message: `${name2} failed with ${code}`
  });
}

// rpc-client-ts/dist/service.js
function stub(def, call) {
  const methods = {};
  for (const [name2, method] of Object.entries(def.methods)) {
    const count = method.p.length;
    methods[name2] = (...args2) => {
      const params = method.b ? args2[0] : positional(args2, count);
      return call(method.n ?? name2, params, args2[count], method);
    };
  }
  return Object.defineProperty(methods, DEF, { value: def });
}
function positional(args2, count) {
  const params = args2.slice(0, count);
  while (params.length > 0 && params.at(-1) === void 0)
    params.pop();
  return params.length > 0 ? params : void 0;
}
var DEF = /* @__PURE__ */ Symbol.for("trunkline.service");

// rpc-client-ts/dist/client.js
function absolute(url) {
  const page = globalThis.location?.href;
  try {
    const { protocol, href } = new URL(url, page);
    if (/^(http|ws)s?:$/.test(protocol))
      return href.replace(/^http/, "ws").replace(/#.*/, "");
  } catch {
  }
  throw new TypeError(`\`${url}\` cannot be dialled: write it as \`wss://host/path\``);
}
var CALL_TIMEOUT = 3e4;
var NAME = "trunkline-ts 0.1.0";
function asRead(head2) {
  return decode2(json, json.frame([NOTIFY, "", head2]))[2];
}
var Connection = class {
  ready;
  state = "connecting";
  user;
  #url;
  #options;
  #session;
  #stubs = /* @__PURE__ */ new Map();
  /** Each with the name of its event; those of the state have none. */
  #listeners = /* @__PURE__ */ new Set();
  #link;
  #token;
  #patience;
  #accept;
  #reject;
  constructor(url, options, session) {
    this.#url = absolute(url);
    this.#options = options;
    this.#session = session;
    session.event = (name2, params) => this.event(name2, params);
    this.ready = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#reject = reject;
    });
    this.ready.catch(() => {
    });
    this.#dial();
  }
  service(def) {
    if (!this.#stubs.has(def)) {
      this.check(def);
      this.#stubs.set(def, stub(def, (name2, params, options, method) => this.call(name2, params, options, method, def)));
    }
    return this.#stubs.get(def);
  }
  on(event, listener) {
    return this.#listen(event, listener);
  }
  onState(listener) {
    return this.#listen(void 0, listener);
  }
  async close() {
    this.#session.flush();
    this.end({ code: 1e3, reason: "closed by this client" });
    this.#link?.close(1e3);
    await this.#link?.closed;
  }
  [Symbol.asyncDispose]() {
    return this.close();
  }
  async #dial() {
    const { WebSocket, connectTimeout = 1e4 } = this.#options;
    const late2 = () => {
      this.end({ code: 1006, reason: `no connection within ${connectTimeout / 1e3} seconds` });
      this.#link?.close(1e3);
    };
    this.#patience = after(connectTimeout, late2);
    try {
      const Socket = WebSocket ?? await platformSocket();
      this.#token = await this.fetch();
      if (this.state === "closed")
        return;
      this.#link = new Link((protocol) => new Socket(this.#url, [protocol]), this.#session, this);
    } catch (error) {
      this.end({ code: 1006, reason: reason(error) }, void 0, error);
    }
  }
  async fetch() {
    const { token } = this.#options;
    return (typeof token === "function" ? await token() : token) ?? void 0;
  }
  hello() {
    return {
      v: 1,
      client: NAME,
      uid: this.#options.uid,
      token: this.#token,
      js: 1,
      limits: DEFAULTS
    };
  }
  welcomed(welcome, link) {
    const { user, limits } = welcome;
    if (this.#token !== void 0 && user === void 0) {
      const refused = { code: "UNAUTHENTICATED", message: "the server did not accept the token" };
      this.end({ code: 1e3, reason: refused.message }, refused);
      link.close(1e3);
      return;
    }
    clearTimeout(this.#patience);
    this.#session.attach(link, limits);
    this.#accept();
    this.become("open", user);
  }
  end(close, failure, cause) {
    if (this.state === "closed")
      return;
    clearTimeout(this.#patience);
    const why = close.reason ? `${close.code}: ${close.reason}` : close.code;
    const message = this.state === "open" ? `the connection is closed (${why})` : this.#nowhere(why);
    const code = close.code === 4401 || close.code === 4403 ? "UNAUTHENTICATED" : "UNAVAILABLE";
    const ending = failure ?? { code, message };
    this.#reject(failed("", ending, cause));
    this.#session.end(ending, failure?.message ?? `the connection was lost before the answer (${why})`);
    this.become("closed", this.user, close);
  }
  /** Why there never was a connection, as far as browsers tell. */
  #nowhere(why) {
    const url = this.#url.replace(/[^/]*@|\?.*/g, "");
    const hint = this.#link ? ": is the path right, and the origin allowed?" : "";
    return `there is no connection to ${url} (${why})${hint}`;
  }
  become(state2, user, close) {
    const same = this.state === state2 && this.user === user;
    this.state = state2;
    this.user = user;
    if (!same)
      this.#tell(void 0, state2, close, user);
  }
  #listen(event, listener) {
    const own = [event, listener];
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
  #tell(event, ...args2) {
    for (const [of, listener] of [...this.#listeners]) {
      try {
        if (of === event)
          listener(...args2);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
  /** Takes what the server sends by itself. */
  event(name2, params) {
    let value;
    try {
      value = params();
    } catch {
      return;
    }
    this.#tell(name2, Array.isArray(value) ? value[0] : value);
  }
  /** Throws if the service has what this client does not. */
  check({ name: name2, methods }) {
    if (Object.values(methods).some(({ s }) => s)) {
      throw new TypeError(`${name2} streams: import "trunkline"`);
    }
  }
  call(name2, params, options = {}, method, revival, more) {
    const session = this.#session;
    const { signal, meta } = options;
    const told = options.timeout ?? (method?.t ? void 0 : this.#options.timeout);
    const timeout = told ?? method?.t ?? CALL_TIMEOUT;
    return newCall((settle) => {
      let giveUp;
      const abort = () => giveUp?.();
      const end = (outcome) => {
        signal?.removeEventListener("abort", abort);
        settle(() => understand(name2, outcome, signal?.reason, method, revival), outcome[0] !== OK);
      };
      if (signal?.aborted)
        return end([FAIL, CANCELLED]);
      try {
        const encoded = params === void 0 ? void 0 : session.codec.encode(params, method?.x && revival?.revive?.write);
        signal?.addEventListener("abort", abort);
        const t = told && told < Infinity ? MAX_TIMER : void 0;
        giveUp = session.call({
          method: name2,
          params: encoded,
          oneway: method?.k === 1,
          timeout,
          head: t || meta ? asRead({ t, m: meta }) : void 0,
          end,
          ...more
        });
      } catch (error) {
        end([FAIL, { code: "INVALID_ARGUMENT", message: `the call cannot be encoded: ${reason(error)}` }]);
      }
    });
  }
};

// rpc-client-ts/dist/exchange.js
var Exchange = class extends Session {
  served;
  #flows = /* @__PURE__ */ new Map();
  #producers = /* @__PURE__ */ new Map();
  /** Frames that wait behind the calls. */
  #bulk = [];
  #size = 0;
  /** Who waits for room. */
  #waiting = [];
  #slots = 0;
  #aside = 0;
  attach(outlet, limits = {}) {
    const { streams = 0, stream_items = 0, stream_bytes = 0 } = limits;
    if (![streams, stream_items, stream_bytes].every(isWhole))
      throw new Broken("bad limits of streams");
    super.attach(outlet, limits);
  }
  handle(frame) {
    switch (frame[0]) {
      case ITEM:
        this.#item(frame[1], unavailable(frame[2]), frame[3]);
        break;
      case CREDIT:
        this.#producers.get(frame[1])?.credit(frame[2], frame[3]);
        break;
      case CANCEL: {
        const [, id] = frame;
        if (id % 2 === 0)
          this.served.cancelled(id);
        else if (this.#producers.get(id)?.stop()) {
          this.put([FAIL, id, { code: "CANCELLED", message: "the peer wants no more", executed: true }]);
        }
        break;
      }
      case PUBLICATION:
        this.served.published(frame[1], frame[2], frame[3], frame[4], frame[5]);
        break;
      case POSITION:
        this.served.moved(frame[1], frame[2], frame[3], frame[4]);
        break;
      default:
        super.handle(frame);
    }
  }
  end(failure, lost) {
    super.end(failure, lost);
    for (const producer of this.#producers.values())
      producer.stop();
    this.#producers.clear();
    this.#flows.clear();
    this.#bulk = [];
    this.#size = 0;
    this.#makeRoom();
  }
  /** Answers a request of the peer. */
  answer(id, fields, payload) {
    const size = this.codec.size(this.codec.frame(fields, payload));
    if (size <= this.limits.packet)
      this.urge(id, fields, payload);
    else {
      const message = `the answer takes ${size} bytes and the peer accepts ${this.limits.packet}`;
      this.urge(id, [FAIL, id, { code: "RESOURCE_EXHAUSTED", message, executed: true }]);
    }
  }
  refuse(id, code, message, executed) {
    this.urge(id, [FAIL, id, { code, message, executed }]);
  }
  /** Sends a stream under `id`, until it ends or `stop` is called on it. */
  async produce(id, producer) {
    const { stream_items = WINDOW[0], stream_bytes = WINDOW[1] } = this.limits;
    this.#producers.set(id, producer);
    await producer.run(this, id, stream_items, stream_bytes);
    this.#producers.delete(id);
  }
  encode(value, write) {
    const payload = this.codec.encode(value, write);
    const size = this.codec.size(payload) + 64;
    if (size > this.limits.packet) {
      throw new RangeError(`an item takes ${size} bytes and the peer accepts ${this.limits.packet}`);
    }
    return payload;
  }
  size(packet) {
    return this.codec.size(packet);
  }
  put(fields, payload) {
    const frame = this.codec.frame(fields, payload);
    this.#bulk.push(frame);
    this.#size += this.codec.size(frame);
    this.wake();
  }
  room() {
    if (this.#size < MARK2)
      return void 0;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  asked(request, message) {
    if (message)
      super.asked(request, message);
    else
      this.served.asked(request);
  }
  mayLeave(request) {
    const { streams = 0, flow } = request;
    const most = this.limits.streams ?? 128;
    if (streams && this.#slots + streams > most)
      return false;
    return (flow ? this.#aside : this.sent.size - this.#aside) < (flow ? most : this.limits.in_flight) && this.lastId + 2 * streams < MAX_ID;
  }
  leave(pending) {
    super.leave(pending);
    const { streams = 0, flow, uploads = [] } = pending.request;
    const id = pending.id;
    this.#slots += streams;
    if (flow) {
      this.#aside++;
      this.#flows.set(id, flow);
      flow.onTaken = () => this.#grant(id, flow);
    }
    for (const upload of uploads)
      void this.produce(this.lastId += 2, upload);
  }
  write(pending, id) {
    const { request } = pending;
    const { uploads = [] } = request;
    if (uploads.length === 0)
      return super.write(pending, id);
    const head2 = { ...request.head, s: uploads.map((_, i) => id + 2 * (i + 1)) };
    return super.write({ ...pending, request: { ...request, head: head2 } }, id);
  }
  answered(id, outcome) {
    const request = this.sent.get(id)?.request;
    if (request) {
      const { streams = 0, flow, uploads = [], answer } = request;
      this.#slots -= streams;
      if (flow)
        this.#aside--;
      this.#flows.delete(id);
      for (const upload of uploads)
        upload.stop();
      if (answer && outcome[0] === OK)
        answer(readOr(outcome[1], void 0));
    }
    super.answered(id, outcome);
  }
  next(room2) {
    const frame = super.next(room2);
    if (frame !== void 0)
      return frame;
    const [first] = this.#bulk;
    if (first === void 0)
      return void 0;
    const size = this.codec.size(first);
    if (size > room2)
      return void 0;
    this.#bulk.shift();
    this.#size -= size;
    if (this.#size < MARK2)
      this.#makeRoom();
    return first;
  }
  #makeRoom() {
    for (const wake of this.#waiting.splice(0))
      wake();
  }
  #item(id, message, value) {
    const flow = this.#flows.get(id);
    const pending = this.sent.get(id);
    if (!pending)
      return;
    if (!flow || message) {
      this.cancel(pending, {
        code: "UNIMPLEMENTED",
        message: message ?? "this method streams: call it by a generated file"
      });
      return;
    }
    const size = value.bytes === void 0 ? 0 : this.codec.size(value.bytes);
    const mayArrive = flow.arrived.every((arrived, i) => arrived < at(flow.granted, i) + at(WINDOW, i));
    if (!mayArrive && !flow.isOver)
      throw new Broken("an item without credit");
    flow.push(value, size);
  }
  /** Gives credit when half of what there was has been taken. */
  #grant(id, flow) {
    if (!flow.taken.some((taken, i) => taken - at(flow.granted, i) >= at(WINDOW, i) / 2))
      return;
    flow.granted = flow.taken;
    this.urge(id, [CREDIT, id, ...flow.taken.map((taken, i) => taken + at(WINDOW, i))]);
  }
};
function readOr(payload, otherwise) {
  try {
    return payload();
  } catch {
    return otherwise;
  }
}
function at(pair, i) {
  return pair[i];
}
var WINDOW = [1024, 256 << 10];
var MARK2 = 64 << 10;

// rpc-client-ts/dist/login.js
function watchLogin(refresh, ended) {
  let end;
  let timer;
  const tick = async () => {
    const known = end;
    let pause = end - performance.now();
    if (pause <= 0)
      return ended();
    try {
      if (refresh)
        return await refresh();
    } catch (error) {
      console.warn(error);
      const { code, retryAfterMs = 1e3 } = error;
      if (!FINAL.test(code))
        pause = Math.min(pause, retryAfterMs);
    }
    if (known === end)
      timer = after(pause + 1, tick);
  };
  return (left = Infinity, share = Math.random() / 4) => {
    clearTimeout(timer);
    end = performance.now() + left;
    timer = after(left * share, tick);
  };
}
var FINAL = /^(UNAUTH|PERM|INVALID|UNIM)/;

// rpc-client-ts/dist/producer.js
var Producer = class {
  #source;
  #write;
  #failed;
  #values;
  #credit = [0, 0];
  #used = [0, 0];
  #isOver = false;
  #wake;
  constructor(source, write, failed2) {
    this.#source = source;
    this.#write = write;
    this.#failed = failed2;
  }
  /** Sends all of it under `id`; resolves when it has ended. The peer may take so many items and bytes. */
  async run(way, id, items, bytes) {
    this.credit(items, bytes);
    if (this.#isOver)
      return;
    try {
      const source = this.#source;
      const values = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]();
      this.#values = values;
      for (; ; ) {
        await this.#mayGoOn(way);
        if (this.#isOver)
          return;
        const next = await values.next();
        if (this.#isOver)
          return;
        if (next.done)
          break;
        const payload = way.encode(next.value, this.#write);
        this.#used[0] = this.#used[0] + 1;
        this.#used[1] = this.#used[1] + way.size(payload);
        way.put([ITEM, id, 0], payload);
      }
      this.#isOver = true;
      way.put([OK, id]);
    } catch (error) {
      if (this.#isOver)
        return;
      this.stop();
      way.put(...this.#failed(error, id));
    }
  }
  /** The peer takes so much, from the beginning. */
  credit(items, bytes) {
    this.#credit = [Math.max(items, this.#credit[0]), Math.max(bytes, this.#credit[1])];
    this.#wake?.();
  }
  /** Sends no more of it, and lets the source know. Whether it was running. */
  stop() {
    if (this.#isOver)
      return false;
    this.#isOver = true;
    this.#wake?.();
    void (async () => this.#values?.return?.())().catch(() => {
    });
    return true;
  }
  async #mayGoOn(way) {
    while (!this.#isOver) {
      const room2 = way.room();
      if (room2)
        await room2;
      else if (this.#used.every((used, i) => used < this.#credit[i]))
        return;
      else {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
};

// rpc-client-ts/dist/serve.js
var TypedError = class extends Error {
  error;
  constructor(error) {
    super(error.code);
    this.error = error;
  }
};
var Services = class {
  #exchange;
  #entries = /* @__PURE__ */ new Map();
  #running = /* @__PURE__ */ new Map();
  /** How many implementations have not returned, also of calls that are answered. */
  #busy = 0;
  constructor(exchange) {
    this.#exchange = exchange;
  }
  expose(def, impl) {
    const added = [];
    const stop = () => {
      for (const remove of added)
        remove();
    };
    for (const [key, method] of Object.entries(def.methods)) {
      const name2 = method.n ?? key;
      const entry = this.#entries.get(name2) ?? { def, method, impls: /* @__PURE__ */ new Set() };
      const wrong = typeof impl[key] !== "function" ? "is missing" : method.u ? "takes a stream, which only servers do" : entry.impls.size > 0 && !(method.k && entry.method.k) && "is served already";
      if (wrong) {
        stop();
        throw new TypeError(`${def.name}.${key} ${wrong}`);
      }
      const own = { call: (...args2) => impl[key](...args2) };
      entry.impls.add(own);
      this.#entries.set(name2, entry);
      added.push(() => {
        entry.impls.delete(own);
        if (entry.impls.size === 0)
          this.#entries.delete(name2);
      });
    }
    return stop;
  }
  /** Takes a notification. Whether there is a method for it. */
  notified(name2, params) {
    const entry = this.#entries.get(name2);
    if (!entry)
      return false;
    const call = { signal: new AbortController().signal, meta: {} };
    for (const { call: impl } of [...entry.impls]) {
      this.#run(async () => impl(...args(entry, params), call)).catch((error) => log(name2, error));
    }
    return true;
  }
  /** Takes a request. */
  asked([, id, name2, head2, params]) {
    const entry = this.#entries.get(name2);
    const [impl] = entry?.impls ?? [];
    if (!entry || !impl || entry.method.k) {
      const message = entry ? "it gives no answer" : `this client serves no \`${name2.slice(0, 64)}\``;
      this.#exchange.refuse(id, "UNIMPLEMENTED", message);
      return;
    }
    if (this.#busy >= DEFAULTS.in_flight) {
      this.#exchange.refuse(id, "RESOURCE_EXHAUSTED", `this client runs ${this.#busy} calls at once`);
      return;
    }
    let given;
    try {
      given = args(entry, params);
    } catch (error) {
      this.#exchange.refuse(id, "INVALID_ARGUMENT", reason(error));
      return;
    }
    const own = new AbortController();
    const timer = after(head2.t ?? Infinity, () => this.#running.get(id)?.("DEADLINE_EXCEEDED", "the time for the call is over"));
    const finish2 = () => {
      clearTimeout(timer);
      return this.#running.delete(id);
    };
    this.#running.set(id, (code, message) => {
      finish2();
      own.abort();
      if (code)
        this.#exchange.refuse(id, code, message, true);
    });
    const write = entry.def.revive?.write;
    const failed2 = (error, id2) => {
      if (error instanceof TypedError)
        return [[ERROR, id2, 0], this.#exchange.codec.encode(error.error, write)];
      log(name2, error);
      return [[FAIL, id2, { code: "INTERNAL", message: "the method failed; its client has the cause", executed: true }]];
    };
    this.#run(async () => impl.call(...given, { signal: own.signal, meta: head2.m ?? {} })).then(async (value) => {
      if (entry.method.s !== 1)
        return [[OK, id, 0], this.#exchange.codec.encode(value ?? null, write)];
      if (!this.#running.has(id))
        return void 0;
      const producer = new Producer(value, write, failed2);
      own.signal.addEventListener("abort", () => producer.stop());
      await this.#exchange.produce(id, producer);
      finish2();
      return void 0;
    }).catch((error) => failed2(error, id)).then((answer) => {
      if (answer && finish2())
        this.#exchange.answer(id, ...answer);
    });
  }
  cancelled(id) {
    this.#running.get(id)?.("CANCELLED", "cancelled by the caller");
  }
  /** The connection is gone. */
  end() {
    for (const stop of [...this.#running.values()])
      stop("", "");
  }
  async #run(act) {
    this.#busy++;
    try {
      return await act();
    } finally {
      this.#busy--;
    }
  }
};
function args({ def, method }, params) {
  const value = params();
  const plans = Array.isArray(method.x) ? method.x : [];
  const read = (value2, i) => {
    const own = value2 === null ? void 0 : value2;
    return plans[i] && def.revive ? def.revive.read(own, plans[i], def.plans ?? {}) : own;
  };
  if (method.b)
    return [read(value, 0)];
  const byPlace = Array.isArray(value) ? value : method.p.map((name2) => value?.[name2]);
  if (byPlace.length > method.p.length)
    throw new TypeError(`it takes ${method.p.length} parameters, not ${byPlace.length}`);
  return method.p.map((_, i) => read(byPlace[i], i));
}
function log(name2, error) {
  console.error(`trunkline: \`${name2}\` failed:`, error);
}

// rpc-client-ts/dist/subscription.js
var Flow = class {
  ready;
  /** Where it stands on its channel, if it has one. */
  channel;
  sub = 0;
  epoch = "";
  offset = 0;
  /** How much has arrived, has been taken, and had been taken when the sender was told last: items and bytes. */
  arrived = [0, 0];
  taken = [0, 0];
  granted = [0, 0];
  /** Is told of what was taken. */
  onTaken;
  /** Values that wait and how large they are, and gaps. */
  #queue = [];
  #settled;
  #fail;
  /** How it has ended: `null` as planned. */
  #end;
  #closed;
  #isRead = false;
  #wake;
  #onGap;
  #read;
  /** `closed` is told when the reader wants no more; `read` makes values of payloads. */
  constructor(closed, read) {
    this.#closed = closed;
    this.#read = read;
    this.ready = new Promise((resolve, reject) => {
      this.#settled = resolve;
      this.#fail = reject;
    });
    this.ready.catch(() => {
    });
  }
  get isOver() {
    return this.#end !== void 0;
  }
  /** The server has answered. */
  opened() {
    this.#settled?.();
  }
  /** A value has arrived; of a channel, so many may wait. */
  push(payload, size = 0, most = Infinity) {
    if (this.#end)
      return;
    this.opened();
    let dropped = 0;
    while (this.#queue.length >= most) {
      const oldest = this.#queue.shift();
      dropped += typeof oldest === "number" ? oldest : 1;
    }
    if (dropped)
      this.#queue.unshift(dropped);
    this.arrived = [this.arrived[0] + 1, this.arrived[1] + size];
    this.#queue.push([payload, size]);
    this.#wake?.();
  }
  /** So many values will not come. */
  gap(missed) {
    if (this.#end)
      return;
    this.#queue.push(missed);
    this.#wake?.();
  }
  /** Nothing more comes. */
  end(error) {
    this.#end ??= { error };
    if (error)
      this.#fail(error);
    this.opened();
    this.#wake?.();
  }
  close() {
    this.#queue.length = 0;
    if (this.#end)
      return;
    this.end(null);
    this.#closed();
  }
  onGap(listener) {
    this.#onGap = listener;
    return this;
  }
  [Symbol.asyncIterator]() {
    if (this.#isRead)
      throw new TypeError("it is read already: a stream has one reader");
    this.#isRead = true;
    let last = Promise.resolve();
    const next = () => {
      const result2 = last.then(() => this.#next());
      last = result2.catch(() => {
      });
      return result2;
    };
    const stop = async () => {
      this.close();
      return { done: true, value: void 0 };
    };
    return { next, return: stop };
  }
  subscribe(observer) {
    const { next, error, done } = typeof observer === "function" ? { next: observer } : observer;
    const values = this[Symbol.asyncIterator]();
    let isOver = false;
    const read = async () => {
      for (; ; ) {
        let result2;
        try {
          result2 = await values.next();
        } catch (failure) {
          if (!error)
            throw failure;
          if (!isOver)
            error.call(observer, failure);
          return;
        }
        if (isOver)
          return;
        if (result2.done)
          return done?.call(observer);
        next?.call(observer, result2.value);
      }
    };
    read().catch((failure) => {
      this.close();
      queueMicrotask(() => {
        throw failure;
      });
    });
    return () => {
      isOver = true;
      this.close();
    };
  }
  async #next() {
    for (; ; ) {
      const entry = this.#queue.shift();
      if (typeof entry === "number")
        this.#onGap?.(entry);
      else if (entry)
        return this.#take(...entry);
      else if (this.#end) {
        const { error } = this.#end;
        this.#end = { error: null };
        if (error)
          throw error;
        return { done: true, value: void 0 };
      } else {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
  #take(payload, size) {
    this.taken = [this.taken[0] + 1, this.taken[1] + size];
    try {
      const value = this.#read(payload);
      if (!this.#end)
        this.onTaken?.();
      return { done: false, value };
    } catch (error) {
      this.close();
      throw error;
    }
  }
};

// rpc-client-ts/dist/full.js
function connect(url, options = {}) {
  return new FullConnection(url, options, new Exchange(options.codec ?? json));
}
var FullConnection = class extends Connection {
  #services;
  #uid;
  #channels = /* @__PURE__ */ new Map();
  #loginEnds;
  #hashes;
  constructor(url, options, exchange) {
    super(url, options, exchange);
    this.#uid = options.uid;
    this.#services = new Services(exchange);
    this.#loginEnds = watchLogin(typeof options.token === "function" ? () => this.refresh() : void 0, () => this.become("open", void 0));
    exchange.served = {
      asked: (request) => this.#services.asked(request),
      cancelled: (id) => this.#services.cancelled(id),
      published: (channel, epoch, offset, method, value) => {
        if (method)
          return;
        for (const flow of this.#readers(channel, epoch, offset))
          flow.push(value, 0, BUFFER);
      },
      moved: (channel, epoch, offset, missed) => {
        for (const flow of this.#readers(channel, epoch, offset))
          if (missed)
            flow.gap(missed);
      }
    };
  }
  expose(def, impl) {
    return this.#services.expose(def, impl);
  }
  channel(name2) {
    return this.#stream("rpc.subscribe", { channel: name2 }, {});
  }
  login(token) {
    return this.#logIn("rpc.login", token);
  }
  async refresh(token) {
    await this.#logIn("rpc.refresh", token ?? await this.fetch());
  }
  call(name2, params, options = {}, method, revival, more) {
    if (method?.s === 1)
      return this.#stream(name2, params, options, method, revival);
    if (!method?.u)
      return super.call(name2, params, options, method, revival, more);
    const { broken, signal, free } = linked(options.signal);
    const [sent, uploads] = split(params, method, revival, broken);
    const timed = { ...untimed(options, method), signal };
    const request = { uploads, streams: uploads.length };
    const call = super.call(name2, sent, timed, method, revival, request);
    call.then(free, free);
    return call;
  }
  hello() {
    return { ...super.hello(), services: this.#hashes };
  }
  welcomed(welcome, link) {
    const stale = Object.keys(welcome.services ?? {}).join(", ");
    if (stale) {
      console.warn(`trunkline: the generated file with ${stale} is not of the server's version: generate it again, with \`cargo rpc\` or \`trunkline gen\``);
    }
    super.welcomed(welcome, link);
    this.#ends(welcome);
  }
  end(close, failure, cause) {
    const wasOpen = this.state !== "closed";
    super.end(close, failure, cause);
    if (!wasOpen)
      return;
    this.#loginEnds(NaN);
    this.#services.end();
    const why = failure ?? {
      code: "UNAVAILABLE",
      message: `the connection was lost (${close.code} ${close.reason})`,
      executed: true
    };
    for (const [name2, flows] of this.#channels)
      for (const flow of flows)
        flow.end(failed(name2, why));
    this.#channels.clear();
  }
  check(def) {
    this.#hashes = { ...this.#hashes, [def.name]: def.hash };
  }
  event(name2, params) {
    if (name2 === "rpc.expiring")
      this.#ends(params(), Math.random() / 4);
    else if (!this.#services.notified(name2, params))
      super.event(name2, params);
  }
  async #logIn(method, token) {
    const login = await super.call(method, { token, uid: this.#uid });
    if (this.state === "closed")
      return;
    this.#ends(login);
    this.become("open", login.user);
  }
  /** At four fifths of its time, a little earlier or later, so that clients that came together do not refresh together. */
  #ends(login, share = 0.75 + Math.random() / 10) {
    if (this.state !== "closed")
      this.#loginEnds(login?.expires_ms, share);
  }
  /** Makes a call that gives a stream, or what is published on a channel. */
  #stream(name2, params, options, method, revival) {
    const { broken, signal, free } = linked(options.signal);
    const flow = new Flow(() => {
      broken();
      this.#leave(flow);
    }, (payload) => understand(name2, [OK, payload], void 0, method, revival));
    const [sent, uploads] = split(params, method, revival, broken);
    const request = {
      uploads,
      streams: uploads.length + (method ? 1 : 0),
      flow: method && flow,
      answer: (value) => this.#subscribed(flow, value)
    };
    const answered = method && { ...method, r: [0, method.r?.[1] ?? 0] };
    const call = super.call(name2, sent, { ...untimed(options, method), signal }, answered, revival, request);
    void call.result().then((r) => {
      free();
      if (!r.ok)
        flow.end(r.error);
      else if (r.value === null || r.value === void 0)
        flow.end(null);
      else if (flow.channel === void 0) {
        flow.end(failed(name2, { code: "UNIMPLEMENTED", message: "it does not stream", executed: true }));
      }
    });
    return flow;
  }
  /** The answer that says which channel a stream is of. */
  #subscribed(flow, value) {
    const { sub, channel, epoch, offset } = value ?? {};
    if (typeof channel !== "string" || typeof sub !== "number")
      return;
    Object.assign(flow, { sub, channel, epoch, offset });
    if (flow.isOver) {
      this.#leave(flow);
      return;
    }
    const flows = this.#channels.get(channel) ?? /* @__PURE__ */ new Set();
    this.#channels.set(channel, flows.add(flow));
    flow.opened();
  }
  #leave(flow) {
    const { channel, sub } = flow;
    if (channel === void 0 || this.state === "closed")
      return;
    const flows = this.#channels.get(channel);
    flows?.delete(flow);
    if (flows?.size === 0)
      this.#channels.delete(channel);
    void super.call("rpc.unsubscribe", { subs: [sub] }).result();
  }
  /** Those who read a channel and have not heard of this place in it yet. */
  #readers(channel, epoch, offset) {
    const flows = [...this.#channels.get(channel) ?? []].filter((it) => it.epoch !== epoch || it.offset < offset);
    for (const flow of flows)
      Object.assign(flow, { epoch, offset });
    return flows;
  }
};
function split(params, method, revival, broken) {
  if (!method?.u)
    return [params, []];
  const list = Array.isArray(params) ? [...params] : [];
  const uploads = method.u.map((place, i) => {
    const source = list[place];
    list[place] = new StreamRef(i);
    return new Producer(source, method.x && revival?.revive?.write, (error, id) => {
      broken(error);
      return [[FAIL, id, { code: "CANCELLED", message: "the caller could not go on" }]];
    });
  });
  return [list, uploads];
}
function linked(signal) {
  const own = new AbortController();
  const broken = (why) => own.abort(why);
  const abort = () => broken(signal?.reason);
  if (signal?.aborted)
    abort();
  signal?.addEventListener("abort", abort);
  return { signal: own.signal, broken, free: () => signal?.removeEventListener("abort", abort) };
}
function untimed(options, method) {
  return { ...options, timeout: options.timeout ?? (method && !method.t ? Infinity : void 0) };
}
var BUFFER = 1024;

// examples/quickstart/web/rpc.ts
var Chat = {
  name: "Chat",
  hash: "ac09da9d76172bd4",
  methods: {
    rooms: { p: [], i: 1 },
    join: { p: ["room"] },
    say: { p: ["text"] },
    history: { p: ["room", "limit"] },
    watch: { p: ["room"], s: 1 },
    think: { p: ["seconds"] },
    typing: { p: [], k: 1 }
  }
};

// examples/quickstart/web/app.ts
var element = (id) => document.getElementById(id);
var [nameInput, roomInput, textInput] = ["name", "room", "text"].map((id) => element(id));
var [messages, problem, state, rooms] = ["messages", "problem", "state", "rooms"].map((id) => element(id));
var sendButton = document.querySelector("#say button");
var client;
var chat;
var live;
async function enter(name2, room2) {
  live = void 0;
  await client?.close();
  client = connect("/rpc", { token: `token-of-${name2}` });
  state.textContent = client.state;
  client.onState((now, _close, user) => state.textContent = user ? `${now} as ${user}` : now);
  chat = client.service(Chat);
  rooms.replaceChildren(...(await chat.rooms()).map((known) => new Option(known)));
  const joined = await chat.join(room2).result();
  sendButton.disabled = !joined.ok;
  problem.textContent = joined.ok ? "" : explain(joined.error);
  messages.replaceChildren();
  if (!joined.ok) return;
  sessionStorage.setItem("who", JSON.stringify([name2, room2]));
  live = chat.watch(room2);
  const history = await chat.history(room2);
  for (const message of [...history].reverse()) show(message);
  const newest = history[0]?.id ?? 0;
  void follow(live, newest);
}
async function follow(said, newest) {
  try {
    for await (const message of said) if (message.id > newest) show(message);
  } catch (error) {
    if (said === live) problem.textContent = error.message;
  }
}
async function say(text) {
  const said = await chat.say(text).result();
  problem.textContent = said.ok ? "" : explain(said.error);
  if (said.ok) textInput.value = "";
}
function explain(error) {
  if (error.kind === "app") {
    switch (error.code) {
      case "NO_SUCH_ROOM":
        return `There is no room called ${error.data.room}.`;
    }
  }
  if (error.code === "RESOURCE_EXHAUSTED") {
    return `Not so fast: again in ${((error.retryAfterMs ?? 0) / 1e3).toFixed(1)} s.`;
  }
  return error.message;
}
function show(message) {
  const row = document.createElement("li");
  const from = document.createElement("b");
  from.textContent = message.from;
  row.append(from, message.text);
  messages.append(row);
}
function onSubmit(form, work) {
  element(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work().catch((error) => problem.textContent = error.message);
  });
}
onSubmit("enter", () => enter(nameInput.value, roomInput.value));
onSubmit("say", () => say(textInput.value));
var [name, room] = JSON.parse(sessionStorage.getItem("who") ?? "[]");
if (name) {
  nameInput.value = name;
  roomInput.value = room;
  element("enter").requestSubmit();
}
