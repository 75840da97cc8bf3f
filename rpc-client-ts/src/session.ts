/**
 * A session: the calls made here, whatever socket carries them. It gives out ids, keeps the peer's limits, counts deadlines
 * down, and gathers frames into packets. It knows no socket, only where packets go ({@link Outlet}), and no values, only
 * payloads.
 */

import { Broken, type Codec, MAX_HEAD, type Packet, type Payload } from "./codec.ts";
import {
  CANCEL,
  ERROR,
  FAIL,
  type Failure,
  type Frame,
  type Head,
  type Limits,
  NOTIFY,
  OK,
  PING,
  PONG,
  REQUEST,
  unavailable,
  WELCOME,
} from "./protocol.ts";
import { after, MAX_TIMER, type Timer } from "./timer.ts";

/** How a call ended: with a value, with a typed error, or with an error of Trunkline's own. */
export type Outcome = [kind: typeof OK | typeof ERROR, value: Payload] | [kind: typeof FAIL, failure: Failure];

/** A call as its maker hands it over. */
export interface Request {
  readonly method: string;
  /** The encoded parameters, if there are any. */
  readonly params: Packet | undefined;
  /** Whether it has no answer. It then ends when it is on its way. */
  readonly oneway: boolean;
  /** How long it may take, in milliseconds; may be infinite. */
  readonly timeout: number;
  /** What stands beside the parameters, if anything does. If there is a `t`, it is set to the time that is left at sending. */
  readonly head: Head | undefined;
  /** Is called once. */
  end(outcome: Outcome): void;
}

/** Where packets go. */
export interface Outlet {
  send(packet: Packet): void;
  /** Whether so little waits to be sent that more may be added. */
  hasRoom(): boolean;
}

/** A call between its making and its end. */
interface Pending {
  readonly request: Request;
  /** When it ends at the latest, on the clock of `performance.now`. */
  readonly deadline: number;
  readonly timer: Timer;
  /** Its id, once it has been sent. */
  id?: number;
}

/** The calls made here. */
export class Session {
  readonly #codec: Codec;
  readonly #onEvent: (name: string, params: Payload) => void;
  #outlet: Outlet | undefined;
  #limits: Limits = DEFAULTS;
  /** Calls that wait, in their order. */
  readonly #unsent = new Set<Pending>();
  /** Requests that the peer has not answered; `undefined` for one that was given up here, which the peer still counts. */
  readonly #sent = new Map<number, Pending | undefined>();
  /** Frames that go before calls: cancellations and refusals by the ids of their requests, the newest pong by 0. */
  readonly #urgent = new Map<number, Packet>();
  #lastId: number;
  #lastPeerId = 0;
  #awake = false;
  #ended: Failure | undefined;

  /** `lastId` is the last id that was used. */
  constructor(codec: Codec, onEvent: (name: string, params: Payload) => void, lastId = -1) {
    this.#codec = codec;
    this.#onEvent = onEvent;
    this.#lastId = lastId;
  }

  /** Makes a call, which ends at once if it can never be sent. The result gives it up. */
  call(request: Request): () => void {
    const { head, timeout } = request;
    const failure =
      this.#ended ??
      (timeout > 0 ? undefined : late(request)) ??
      (head && tooLarge("`meta`", this.#codec.size(this.#codec.encode(head)), MAX_HEAD));
    if (failure) {
      request.end([FAIL, failure]);
      return () => {};
    }
    const expire = () => this.#giveUp(pending, late(request));
    const pending: Pending = {
      request,
      deadline: performance.now() + timeout,
      timer: after(timeout, expire),
    };
    this.#unsent.add(pending);
    this.#wake();
    return () => this.#giveUp(pending, CANCELLED);
  }

  /** Goes on with a link, whose peer takes so much, and sends what has waited. */
  attach(outlet: Outlet, limits: Partial<Limits> | undefined): void {
    const { packet, in_flight } = { ...DEFAULTS, ...limits };
    this.#limits = { packet: Math.max(packet, 1024), in_flight };
    this.#outlet = outlet;
    this.flush();
  }

  /** Sends now what would be sent at the end of the turn. */
  readonly flush = (): void => {
    this.#awake = false;
    const fill = Math.min(FILL, this.#limits.packet);
    while (this.#outlet?.hasRoom()) {
      const frames = this.gather(fill, Infinity);
      if (frames.length === 0) return;
      this.#outlet.send(this.#codec.join(frames));
    }
    // No socket tells when it has sent something.
    if (this.#outlet) {
      this.#awake = true;
      setTimeout(this.flush, 10);
    }
  };

  /** Ends every call with `failure`, also those to come; those that were sent, for whose outcome it is unknown, as `lost`. */
  end(failure: Failure, lost: string): void {
    this.#ended = failure;
    this.#outlet = undefined;
    for (const pending of this.#sent.values()) {
      if (pending) finish(pending, [FAIL, { ...failure, message: lost, executed: true }]);
    }
    for (const pending of this.#unsent) finish(pending, [FAIL, failure]);
    this.#sent.clear();
    this.#unsent.clear();
  }

  /** Takes in a frame that is not the link's own. Throws if the peer may not send it. */
  handle(frame: Frame): void {
    switch (frame[0]) {
      case OK:
      case ERROR: {
        const [kind, id, head, value] = frame;
        const message = unavailable(head);
        this.#answered(id, message ? [FAIL, { code: "UNIMPLEMENTED", message, executed: true }] : [kind, value]);
        break;
      }
      case FAIL:
        this.#answered(frame[1], [FAIL, frame[2]]);
        break;
      case NOTIFY:
        if (!unavailable(frame[2])) this.#onEvent(frame[1], frame[3]);
        break;
      case REQUEST:
        this.#refuseRequest(frame[1], frame[3]);
        break;
      case PING:
        this.#urge(0, [PONG, frame[1]]);
        break;
      case WELCOME:
        throw new Broken("bad frame");
      // The others belong to what this version does not have, and have no effect.
    }
  }

  #answered(id: number, outcome: Outcome): void {
    const pending = this.#sent.get(id);
    // The slot is free now, also that of a call which was given up.
    this.#sent.delete(id);
    if (pending) finish(pending, outcome);
    if (this.#lastId >= MAX_ID && this.#sent.size === 0) throw new Broken("no ids are left", 4440);
    this.#wake();
  }

  #refuseRequest(id: number, head: Head): void {
    if (id % 2 === 1 || id <= this.#lastPeerId) throw new Broken("bad id");
    this.#lastPeerId = id;
    const message = unavailable(head) ?? "this client serves no methods";
    this.#urge(id, [FAIL, id, { code: "UNIMPLEMENTED", message }]);
    if (this.#urgent.size > MAX_URGENT) throw new Broken("the server does not read", 4431);
  }

  #giveUp(pending: Pending, failure: Failure): void {
    const { id } = pending;
    if (id === undefined) {
      if (!this.#unsent.delete(pending)) return;
    } else {
      if (this.#sent.get(id) !== pending) return;
      this.#sent.set(id, undefined);
      this.#urge(id, [CANCEL, id]);
    }
    finish(pending, [FAIL, { ...failure, executed: id !== undefined }]);
    this.#wake();
  }

  #urge(id: number, fields: readonly unknown[]): void {
    this.#urgent.set(id, this.#codec.frame(fields));
    this.#wake();
  }

  /** Sends at the end of the turn, so that what is wished for together travels together. */
  #wake(): void {
    if (this.#awake || !this.#outlet) return;
    this.#awake = true;
    queueMicrotask(this.flush);
  }

  /** The frames of the next packet: `fill` bytes of them, or one that is larger if it fits into `alone`. */
  gather(fill: number, alone: number): Packet[] {
    const frames: Packet[] = [];
    // Even the smallest frames are then fewer than the 4,096 that a packet may have.
    for (let size = 0; size < fill; ) {
      const frame = this.#next(frames.length > 0 ? fill - size : alone);
      if (frame === undefined) break;
      frames.push(frame);
      size += this.#codec.size(frame) + 1;
    }
    return frames;
  }

  /** The next frame, if there is one that may be sent and takes no more than `room`. */
  #next(room: number): Packet | undefined {
    for (const [id, frame] of this.#urgent) {
      if (this.#codec.size(frame) > room) return undefined;
      this.#urgent.delete(id);
      return frame;
    }
    for (const pending of this.#unsent) {
      const { oneway } = pending.request;
      const full = this.#sent.size >= this.#limits.in_flight || this.#lastId >= MAX_ID;
      if (full && !oneway) break;
      const frame = this.#write(pending, this.#lastId + 2);
      const size = this.#codec.size(frame);
      const failure = tooLarge("the call", size, this.#limits.packet);
      if (!failure && size > room) break;
      this.#unsent.delete(pending);
      if (failure) finish(pending, [FAIL, failure]);
      else if (oneway) finish(pending, [OK, () => undefined]);
      else this.#sent.set((pending.id = this.#lastId += 2), pending);
      if (!failure) return frame;
    }
    return undefined;
  }

  #write({ request, deadline }: Pending, id: number): Packet {
    const { method, params, oneway, head = 0 } = request;
    const left = Math.ceil(Math.max(0, Math.min(deadline - performance.now(), MAX_TIMER)));
    const fields: unknown[] = oneway ? [NOTIFY, method] : [REQUEST, id, method];
    if (head || params !== undefined) fields.push(head && head.t !== undefined ? { ...head, t: left } : head);
    return this.#codec.frame(fields, params);
  }
}

/** Why something cannot be sent, if it takes more than `most` bytes. */
function tooLarge(what: string, size: number, most: number): Failure | undefined {
  if (size <= most) return undefined;
  return { code: "INVALID_ARGUMENT", message: `${what} takes ${size} bytes and the peer accepts ${most}` };
}

function finish({ timer, request }: Pending, outcome: Outcome): void {
  clearTimeout(timer);
  request.end(outcome);
}

/** The failure of a call that its maker gives up before it is sent. */
export const CANCELLED: Failure = { code: "CANCELLED", message: "cancelled by the caller" };

function late({ method, timeout }: Request): Failure {
  return { code: "DEADLINE_EXCEEDED", message: `\`${method}\` gave no answer within ${timeout} ms` };
}

/** What this client takes, and what a peer takes that has not said it. */
export const DEFAULTS: Limits = { packet: 1 << 20, in_flight: 1024 };

/** How many bytes of frames go into one packet; a larger frame travels alone. */
const FILL = 16 << 10;

/** The largest id. */
const MAX_ID = Number.MAX_SAFE_INTEGER;

/** How many answers may wait for a server that calls and does not read. */
const MAX_URGENT = 8192;
