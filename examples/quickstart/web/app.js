// Generated from app.ts by `cargo xtask gen`, with the client in it.

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

// rpc-client-ts/dist/error.js
var CODES = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED"
];
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
        Object.assign(this, { [key]: value });
  }
};
function failed(method, failure, cause) {
  const { code, message, retry_ms, ref, executed } = failure;
  return new RpcError({
    kind: "rpc",
    code: CODES.includes(code) ? code : "UNKNOWN",
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
    const at = payloadAt2(Number(KIND.exec(frame)?.[1]));
    const comma = at === void 0 ? -1 : findComma(frame, at);
    if (comma < 0)
      return parseFields(frame);
    const end = frame.lastIndexOf("]");
    const payload = frame.slice(comma + 1, end);
    if (!BLANK.test(frame.slice(end + 1)) || BLANK.test(payload))
      throw new Broken("bad frame");
    return [...parseFields(`${frame.slice(0, comma)}]`), () => decode(payload)];
  }
};
function parseFields(text) {
  const fields = JSON.parse(text);
  if (!Array.isArray(fields))
    throw new Broken("bad frame");
  return fields;
}
function findComma(frame, at) {
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
    else if (char === "," && depth === 1 && ++fields === at)
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
var CANCEL = 9;
var PUBLICATION = 13;
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
  const at = payloadAt(kind);
  if (at) {
    fields[at] ??= () => null;
    if (kind !== PUBLICATION)
      fields[at - 1] ||= {};
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
  #codec;
  #onEvent;
  #outlet;
  #limits = DEFAULTS;
  /** Calls that wait, in their order. */
  #unsent = /* @__PURE__ */ new Set();
  /** Requests that the peer has not answered; `undefined` for one that was given up here, which the peer still counts. */
  #sent = /* @__PURE__ */ new Map();
  /** Frames that go before calls: cancellations and refusals by the ids of their requests, the newest pong by 0. */
  #urgent = /* @__PURE__ */ new Map();
  #lastId;
  #lastPeerId = 0;
  #awake = false;
  #ended;
  /** `lastId` is the last id that was used. */
  constructor(codec, onEvent, lastId = -1) {
    this.#codec = codec;
    this.#onEvent = onEvent;
    this.#lastId = lastId;
  }
  /** Makes a call, which ends at once if it can never be sent. The result gives it up. */
  call(request) {
    const { head: head2, timeout } = request;
    const failure = this.#ended ?? (timeout > 0 ? void 0 : late(request)) ?? (head2 && tooLarge("`meta`", this.#codec.size(this.#codec.encode(head2)), MAX_HEAD));
    if (failure) {
      request.end([FAIL, failure]);
      return () => {
      };
    }
    const expire = () => this.#giveUp(pending, late(request));
    const pending = {
      request,
      deadline: performance.now() + timeout,
      timer: after(timeout, expire)
    };
    this.#unsent.add(pending);
    this.#wake();
    return () => this.#giveUp(pending, CANCELLED);
  }
  /** Goes on with a link, whose peer takes so much, and sends what has waited. */
  attach(outlet, limits) {
    const { packet, in_flight } = { ...DEFAULTS, ...limits };
    this.#limits = { packet: Math.max(packet, 1024), in_flight };
    this.#outlet = outlet;
    this.flush();
  }
  /** Sends now what would be sent at the end of the turn. */
  flush = () => {
    this.#awake = false;
    const fill = Math.min(FILL, this.#limits.packet);
    while (this.#outlet?.hasRoom()) {
      const frames = this.gather(fill, Infinity);
      if (frames.length === 0)
        return;
      this.#outlet.send(this.#codec.join(frames));
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
    for (const pending of this.#sent.values()) {
      if (pending)
        finish(pending, [FAIL, { ...failure, message: lost, executed: true }]);
    }
    for (const pending of this.#unsent)
      finish(pending, [FAIL, failure]);
    this.#sent.clear();
    this.#unsent.clear();
  }
  /** Takes in a frame that is not the link's own. Throws if the peer may not send it. */
  handle(frame) {
    switch (frame[0]) {
      case OK:
      case ERROR: {
        const [kind, id, head2, value] = frame;
        const message = unavailable(head2);
        this.#answered(id, message ? [FAIL, { code: "UNIMPLEMENTED", message, executed: true }] : [kind, value]);
        break;
      }
      case FAIL:
        this.#answered(frame[1], [FAIL, frame[2]]);
        break;
      case NOTIFY:
        if (!unavailable(frame[2]))
          this.#onEvent(frame[1], frame[3]);
        break;
      case REQUEST:
        this.#refuseRequest(frame[1], frame[3]);
        break;
      case PING:
        this.#urge(0, [PONG, frame[1]]);
        break;
      case WELCOME:
        throw new Broken("bad frame");
    }
  }
  #answered(id, outcome) {
    const pending = this.#sent.get(id);
    this.#sent.delete(id);
    if (pending)
      finish(pending, outcome);
    if (this.#lastId >= MAX_ID && this.#sent.size === 0)
      throw new Broken("no ids are left", 4440);
    this.#wake();
  }
  #refuseRequest(id, head2) {
    if (id % 2 === 1 || id <= this.#lastPeerId)
      throw new Broken("bad id");
    this.#lastPeerId = id;
    const message = unavailable(head2) ?? "this client serves no methods";
    this.#urge(id, [FAIL, id, { code: "UNIMPLEMENTED", message }]);
    if (this.#urgent.size > MAX_URGENT)
      throw new Broken("the server does not read", 4431);
  }
  #giveUp(pending, failure) {
    const { id } = pending;
    if (id === void 0) {
      if (!this.#unsent.delete(pending))
        return;
    } else {
      if (this.#sent.get(id) !== pending)
        return;
      this.#sent.set(id, void 0);
      this.#urge(id, [CANCEL, id]);
    }
    finish(pending, [FAIL, { ...failure, executed: id !== void 0 }]);
    this.#wake();
  }
  #urge(id, fields) {
    this.#urgent.set(id, this.#codec.frame(fields));
    this.#wake();
  }
  /** Sends at the end of the turn, so that what is wished for together travels together. */
  #wake() {
    if (this.#awake || !this.#outlet)
      return;
    this.#awake = true;
    queueMicrotask(this.flush);
  }
  /** The frames of the next packet: `fill` bytes of them, or one that is larger if it fits into `alone`. */
  gather(fill, alone) {
    const frames = [];
    for (let size = 0; size < fill; ) {
      const frame = this.#next(frames.length > 0 ? fill - size : alone);
      if (frame === void 0)
        break;
      frames.push(frame);
      size += this.#codec.size(frame) + 1;
    }
    return frames;
  }
  /** The next frame, if there is one that may be sent and takes no more than `room`. */
  #next(room) {
    for (const [id, frame] of this.#urgent) {
      if (this.#codec.size(frame) > room)
        return void 0;
      this.#urgent.delete(id);
      return frame;
    }
    for (const pending of this.#unsent) {
      const { oneway } = pending.request;
      const full = this.#sent.size >= this.#limits.in_flight || this.#lastId >= MAX_ID;
      if (full && !oneway)
        break;
      const frame = this.#write(pending, this.#lastId + 2);
      const size = this.#codec.size(frame);
      const failure = tooLarge("the call", size, this.#limits.packet);
      if (!failure && size > room)
        break;
      this.#unsent.delete(pending);
      if (failure)
        finish(pending, [FAIL, failure]);
      else if (oneway)
        finish(pending, [OK, () => void 0]);
      else
        this.#sent.set(pending.id = this.#lastId += 2, pending);
      if (!failure)
        return frame;
    }
    return void 0;
  }
  #write({ request, deadline }, id) {
    const { method, params, oneway, head: head2 = 0 } = request;
    const left = Math.ceil(Math.max(0, Math.min(deadline - performance.now(), MAX_TIMER)));
    const fields = oneway ? [NOTIFY, method] : [REQUEST, id, method];
    if (head2 || params !== void 0)
      fields.push(head2 && head2.t !== void 0 ? { ...head2, t: left } : head2);
    return this.#codec.frame(fields, params);
  }
};
function tooLarge(what, size, most) {
  if (size <= most)
    return void 0;
  return { code: "INVALID_ARGUMENT", message: `${what} takes ${size} bytes and the peer accepts ${most}` };
}
function finish({ timer, request }, outcome) {
  clearTimeout(timer);
  request.end(outcome);
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
  #codec;
  /** Whom the frames are from and for. */
  #session;
  #user;
  #welcomed = false;
  #ended = false;
  #heardAt = 0;
  /** Of the silence until the end, then of the wait for the socket. */
  #timer;
  #gone;
  constructor(socket, codec, session, user) {
    this.#socket = socket;
    this.#codec = codec;
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
    if (this.#socket.protocol !== subprotocol(this.#codec)) {
      this.close(4400, "the server does not speak this subprotocol");
      return;
    }
    const hello = this.#codec.frame([HELLO, this.#user.hello()]);
    const room = (16 << 10) - this.#codec.size(hello) - 1;
    this.send(this.#codec.join([hello, ...this.#session.gather(room, room)]));
  }
  #take(packet) {
    if (this.#ended)
      return;
    this.#heardAt = performance.now();
    let count = 0;
    try {
      if (typeof packet !== typeof this.#codec.join([]))
        throw new Broken("bad kind of packet (1003)");
      if (this.#codec.size(packet) > DEFAULTS.packet)
        throw new Broken("too large a packet (1009)");
      for (const bytes of this.#codec.split(packet)) {
        if (++count > MAX_FRAMES)
          throw new Broken("too many frames");
        const frame = decode2(this.#codec, bytes);
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
    this.#user.ended(close);
  }
};
function subprotocol(codec) {
  return `trunkline.v1.${codec.name}`;
}
var MARK = 256 << 10;

// rpc-client-ts/dist/outcome.js
function understand(name, outcome, cause, method, revival) {
  if (outcome[0] === FAIL)
    throw failed(name, outcome[1], cause);
  const [kind, payload] = outcome;
  const plan = method?.r?.[kind === OK ? 0 : 1];
  let value;
  try {
    value = payload();
    if (plan && revival?.revive)
      value = revival.revive.read(value, plan, revival.plans ?? {});
  } catch (error) {
    const message = `the answer cannot be read: ${reason(error)}`;
    throw failed(name, { code: error instanceof UnsafeInteger ? "OUT_OF_RANGE" : "INTERNAL", message, executed: true }, error);
  }
  if (kind === OK)
    return value;
  const { code, data } = value ?? {};
  if (typeof code !== "string") {
    throw failed(name, { code: "UNKNOWN", executed: true });
  }
  throw new RpcError({
    kind: "app",
    method: name,
    code,
    data,
    maybeExecuted: true,
    message: `${name} failed with ${code}`
  });
}

// rpc-client-ts/dist/service.js
function stub(def, call) {
  const methods = {};
  for (const [name, method] of Object.entries(def.methods)) {
    const count = method.p.length;
    methods[name] = (...args) => {
      const params = method.b ? args[0] : positional(args, count);
      return call(method.n ?? name, params, args[count], method);
    };
  }
  return Object.defineProperty(methods, DEF, { value: def });
}
function positional(args, count) {
  const params = args.slice(0, count);
  while (params.length > 0 && params.at(-1) === void 0)
    params.pop();
  return params.length > 0 ? params : void 0;
}
var DEF = /* @__PURE__ */ Symbol.for("trunkline.service");

// rpc-client-ts/dist/client.js
function connect(url, options = {}) {
  return new Connection(absolute(url), options);
}
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
  #codec;
  #session;
  #stubs = /* @__PURE__ */ new Map();
  #hashes;
  /** Each with the name of its event; those of the state have none. */
  #listeners = /* @__PURE__ */ new Set();
  #link;
  #token;
  #patience;
  #accept;
  #reject;
  constructor(url, options) {
    this.#url = url;
    this.#options = options;
    this.#codec = options.codec ?? json;
    this.#session = new Session(this.#codec, (name, params) => this.#event(name, params));
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
      this.#hashes = { ...this.#hashes, [def.name]: def.hash };
      this.#stubs.set(def, stub(def, (name, params, options, method) => this.#call(name, params, options, method, def)));
    }
    return this.#stubs.get(def);
  }
  call(method, params, options) {
    return this.#call(method, params, options);
  }
  on(event, listener) {
    return this.#listen(event, listener);
  }
  onState(listener) {
    return this.#listen(void 0, listener);
  }
  async close() {
    this.#session.flush();
    this.#end({ code: 1e3, reason: "closed by this client" });
    this.#link?.close(1e3);
    await this.#link?.closed;
  }
  [Symbol.asyncDispose]() {
    return this.close();
  }
  async #dial() {
    const { WebSocket, connectTimeout = 1e4 } = this.#options;
    const late2 = () => {
      this.#end({ code: 1006, reason: `no connection within ${connectTimeout / 1e3} seconds` });
      this.#link?.close(1e3);
    };
    this.#patience = after(connectTimeout, late2);
    try {
      const Socket = WebSocket ?? await platformSocket();
      this.#token = await this.#fetch();
      if (this.state === "closed")
        return;
      this.#link = new Link(new Socket(this.#url, [subprotocol(this.#codec)]), this.#codec, this.#session, {
        hello: () => this.#hello(),
        welcomed: (welcome, link) => this.#welcomed(welcome, link),
        ended: (close) => this.#end(close)
      });
    } catch (error) {
      this.#end({ code: 1006, reason: reason(error) }, void 0, error);
    }
  }
  async #fetch() {
    const { token } = this.#options;
    return (typeof token === "function" ? await token() : token) ?? void 0;
  }
  #hello() {
    return {
      v: 1,
      client: NAME,
      uid: this.#options.uid,
      token: this.#token,
      js: 1,
      limits: DEFAULTS,
      services: this.#hashes
    };
  }
  #welcomed(welcome, link) {
    const { user, limits, services = {} } = welcome;
    if (this.#token !== void 0 && user === void 0) {
      const refused = { code: "UNAUTHENTICATED", message: "the server did not accept the token" };
      this.#end({ code: 1e3, reason: refused.message }, refused);
      link.close(1e3);
      return;
    }
    clearTimeout(this.#patience);
    const stale = Object.keys(services).join(", ");
    if (stale) {
      console.warn(`trunkline: the generated file with ${stale} is not of the server's version: generate it again, with \`cargo rpc\` or \`trunkline gen\``);
    }
    this.#session.attach(link, limits);
    this.#accept();
    this.#become("open", user);
  }
  #end(close, failure, cause) {
    if (this.state === "closed")
      return;
    clearTimeout(this.#patience);
    const why = close.reason ? `${close.code}: ${close.reason}` : close.code;
    const message = this.state === "open" ? `the connection is closed (${why})` : this.#nowhere(why);
    const code = close.code === 4401 || close.code === 4403 ? "UNAUTHENTICATED" : "UNAVAILABLE";
    const ending = failure ?? { code, message };
    this.#reject(failed("", ending, cause));
    this.#session.end(ending, failure?.message ?? `the connection was lost before the answer (${why})`);
    this.#become("closed", this.user, close);
  }
  /** Why there never was a connection, as far as browsers tell. */
  #nowhere(why) {
    const url = this.#url.replace(/[^/]*@|\?.*/g, "");
    const hint = this.#link ? ": is the path right, and the origin allowed?" : "";
    return `there is no connection to ${url} (${why})${hint}`;
  }
  #become(state2, user, close) {
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
  #tell(event, ...args) {
    for (const [of, listener] of [...this.#listeners]) {
      try {
        if (of === event)
          listener(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
  #event(name, params) {
    let value;
    try {
      value = params();
    } catch {
      return;
    }
    this.#tell(name, Array.isArray(value) ? value[0] : value);
  }
  #call(name, params, options = {}, method, revival) {
    const { signal, meta } = options;
    const told = options.timeout ?? (method?.t ? void 0 : this.#options.timeout);
    const timeout = told ?? method?.t ?? CALL_TIMEOUT;
    return newCall((settle) => {
      let giveUp;
      const abort = () => giveUp?.();
      const end = (outcome) => {
        signal?.removeEventListener("abort", abort);
        settle(() => understand(name, outcome, signal?.reason, method, revival), outcome[0] !== OK);
      };
      if (signal?.aborted)
        return end([FAIL, CANCELLED]);
      try {
        const encoded = params === void 0 ? void 0 : this.#codec.encode(params, method?.x && revival?.revive?.write);
        signal?.addEventListener("abort", abort);
        const t = told && told < Infinity ? MAX_TIMER : void 0;
        giveUp = this.#session.call({
          method: name,
          params: encoded,
          oneway: method?.k === 1,
          timeout,
          head: t || meta ? asRead({ t, m: meta }) : void 0,
          end
        });
      } catch (error) {
        end([FAIL, { code: "INVALID_ARGUMENT", message: `the call cannot be encoded: ${reason(error)}` }]);
      }
    });
  }
};

// examples/quickstart/web/rpc.ts
var Chat = {
  name: "Chat",
  hash: "f7f9b6bffd5fd8c0",
  methods: {
    rooms: { p: [], i: 1 },
    join: { p: ["room"] },
    say: { p: ["text"] },
    history: { p: ["room", "limit"] },
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
async function enter(name, room) {
  await client?.close();
  client = connect("/rpc", { token: `token-of-${name}` });
  state.textContent = client.state;
  client.onState((now, _close, user) => state.textContent = user ? `${now} as ${user}` : now);
  chat = client.service(Chat);
  rooms.replaceChildren(...(await chat.rooms()).map((known) => new Option(known)));
  const joined = await chat.join(room).result();
  sendButton.disabled = !joined.ok;
  problem.textContent = joined.ok ? "" : explain(joined.error);
  show(joined.ok ? await chat.history(room) : []);
}
async function say(text) {
  const said = await chat.say(text).result();
  problem.textContent = said.ok ? "" : explain(said.error);
  if (said.ok) textInput.value = "";
  show(await chat.history(roomInput.value));
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
function show(history) {
  const rows = history.reverse().map((message) => {
    const row = document.createElement("li");
    const from = document.createElement("b");
    from.textContent = message.from;
    row.append(from, message.text);
    return row;
  });
  messages.replaceChildren(...rows);
}
function onSubmit(form, work) {
  element(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work().catch((error) => problem.textContent = error.message);
  });
}
onSubmit("enter", () => enter(nameInput.value, roomInput.value));
onSubmit("say", () => say(textInput.value));
