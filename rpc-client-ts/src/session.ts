/**
 * A session: the calls made here, whatever socket carries them. It gives out ids, keeps the peer's limits, counts deadlines
 * down, and gathers frames into packets. It knows no socket, only where packets go ({@link Outlet}), and no values, only
 * payloads.
 *
 * What is not a call, such as streams and what the server asks for, is the business of `exchange.ts`, which extends this class
 * and is not part of `trunkline/core`.
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
  /** How many streams it consists of, which may have to wait for others to end. */
  readonly streams?: number;
  /** Is called once. */
  end(outcome: Outcome): void;
}

/** A request of the peer. */
export type Asked = Extract<Frame, [typeof REQUEST, ...unknown[]]>;

/** Where packets go. */
export interface Outlet {
  send(packet: Packet): void;
  /** Whether so little waits to be sent that more may be added. */
  hasRoom(): boolean;
}

/** A call between its making and its end. */
export interface Pending {
  readonly request: Request;
  /** When it ends at the latest, on the clock of `performance.now`. */
  readonly deadline: number;
  readonly timer: Timer;
  /** Its id, once it has been sent. */
  id?: number;
  /** Whether it has been given up here. The peer still counts it if it has an id. */
  over?: true;
}

/** The calls made here. */
export class Session {
  /** Is told what the peer sends by itself. */
  event!: (name: string, params: Payload) => void;
  readonly codec: Codec;
  #outlet: Outlet | undefined;
  protected limits: Limits = DEFAULTS;
  /** Calls that wait, in their order. */
  readonly #unsent = new Set<Pending>();
  /** Requests that the peer has not answered, also those that were given up here. */
  protected readonly sent: Map<number, Pending> = new Map();
  /** Frames that go before calls: cancellations and answers by the ids of their requests, the newest pong by 0. */
  readonly #urgent = new Map<number, Packet>();
  protected lastId: number;
  #lastPeerId = 0;
  #awake = false;
  #ended: Failure | undefined;

  /** `lastId` is the last id that was used. */
  constructor(codec: Codec, lastId = -1) {
    this.codec = codec;
    this.lastId = lastId;
  }

  /** Makes a call, which ends at once if it can never be sent. The result gives it up. */
  call(request: Request): () => void {
    const { head, timeout } = request;
    const failure =
      this.#ended ??
      (timeout > 0 ? undefined : late(request)) ??
      (head && tooLarge("`meta`", this.codec.size(this.codec.encode(head)), MAX_HEAD));
    if (failure) {
      request.end([FAIL, failure]);
      return () => {};
    }
    const pending: Pending = {
      request,
      deadline: performance.now() + timeout,
      timer: after(timeout, () => this.cancel(pending, late(request))),
    };
    this.#unsent.add(pending);
    this.wake();
    return () => this.cancel(pending, CANCELLED);
  }

  /** Goes on with a link, whose peer takes so much, and sends what has waited. */
  attach(outlet: Outlet, limits: Partial<Limits> | undefined): void {
    const told = { ...DEFAULTS, ...limits };
    this.limits = { ...told, packet: Math.max(told.packet, 1024) };
    this.#outlet = outlet;
    this.flush();
  }

  /** Sends now what would be sent at the end of the turn. */
  readonly flush = (): void => {
    this.#awake = false;
    const fill = Math.min(FILL, this.limits.packet);
    while (this.#outlet?.hasRoom()) {
      const frames = this.gather(fill, Infinity);
      if (frames.length === 0) return;
      this.#outlet.send(this.codec.join(frames));
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
    for (const pending of [...this.sent.values(), ...this.#unsent]) {
      finish(pending, [FAIL, pending.id ? { ...failure, message: lost, executed: true } : failure]);
    }
    this.sent.clear();
    this.#unsent.clear();
  }

  /** Takes in a frame that is not the link's own. Throws if the peer may not send it. */
  handle(frame: Frame): void {
    switch (frame[0]) {
      case OK:
      case ERROR: {
        const [kind, id, head, value] = frame;
        const message = unavailable(head);
        this.answered(id, message ? [FAIL, { code: "UNIMPLEMENTED", message, executed: true }] : [kind, value]);
        break;
      }
      case FAIL:
        this.answered(frame[1], [FAIL, frame[2]]);
        break;
      case NOTIFY:
        if (!unavailable(frame[2])) this.event(frame[1], frame[3]);
        break;
      case REQUEST: {
        const [, id, , head] = frame;
        if (id % 2 === 1 || id <= this.#lastPeerId) throw new Broken("bad id");
        this.#lastPeerId = id;
        this.asked(frame, unavailable(head));
        if (this.#urgent.size > MAX_URGENT) throw new Broken("the server does not read", 4431);
        break;
      }
      case PING:
        this.urge(0, [PONG, frame[1]]);
        break;
      case WELCOME:
        throw new Broken("bad frame");
      // The others belong to what this version does not have, and have no effect.
    }
  }

  protected answered(id: number, outcome: Outcome): void {
    const pending = this.sent.get(id);
    // The slot is free now, also that of a call which was given up.
    this.sent.delete(id);
    if (pending) finish(pending, outcome);
    if (this.lastId >= MAX_ID && this.sent.size === 0) throw new Broken("no ids are left", 4440);
    this.wake();
  }

  /** Answers a request of the peer; `message` says what is not available of it. */
  protected asked([, id]: Asked, message = "no such method"): void {
    this.urge(id, [FAIL, id, { code: "UNIMPLEMENTED", message }]);
  }

  protected cancel(pending: Pending, failure: Failure): void {
    const { id } = pending;
    if (pending.over) return;
    if (id === undefined) this.#unsent.delete(pending);
    else this.urge(id, [CANCEL, id]);
    finish(pending, [FAIL, { ...failure, executed: id !== undefined }]);
    this.wake();
  }

  /** Sends something soon, in the place of what has not been sent yet by this number. */
  protected urge(id: number, fields: readonly unknown[], payload?: Packet): void {
    this.#urgent.set(id, this.codec.frame(fields, payload));
    this.wake();
  }

  /** Sends at the end of the turn, so that what is wished for together travels together. */
  protected wake(): void {
    if (this.#awake || !this.#outlet) return;
    this.#awake = true;
    queueMicrotask(this.flush);
  }

  /** The frames of the next packet: `fill` bytes of them, or one that is larger if it fits into `alone`. */
  gather(fill: number, alone: number): Packet[] {
    const frames: Packet[] = [];
    // Even the smallest frames are then fewer than the 4,096 that a packet may have.
    for (let size = 0; size < fill; ) {
      const frame = this.next(frames.length > 0 ? fill - size : alone);
      if (frame === undefined) break;
      frames.push(frame);
      size += this.codec.size(frame) + 1;
    }
    return frames;
  }

  /** The next frame, if there is one that may be sent and takes no more than `room`. */
  protected next(room: number): Packet | undefined {
    for (const [id, frame] of this.#urgent) {
      if (this.codec.size(frame) > room) return undefined;
      this.#urgent.delete(id);
      return frame;
    }
    for (const pending of this.#unsent) {
      const { oneway, streams } = pending.request;
      if (!oneway && !this.mayLeave(pending.request)) {
        if (streams) continue;
        break;
      }
      const frame = this.write(pending, this.lastId + 2);
      const size = this.codec.size(frame);
      const failure = tooLarge("the call", size, this.limits.packet);
      if (!failure && size > room) break;
      this.#unsent.delete(pending);
      if (failure) finish(pending, [FAIL, failure]);
      else if (oneway) finish(pending, [OK, () => undefined]);
      else this.leave(pending);
      if (!failure) return frame;
    }
    return undefined;
  }

  /** Whether the peer takes another call. */
  protected mayLeave(_: Request): boolean {
    return this.sent.size < this.limits.in_flight && this.lastId < MAX_ID;
  }

  protected leave(pending: Pending): void {
    this.sent.set((pending.id = this.lastId += 2), pending);
  }

  protected write({ request, deadline }: Pending, id: number): Packet {
    const { method, params, oneway, head = 0 } = request;
    const left = Math.ceil(Math.max(0, Math.min(deadline - performance.now(), MAX_TIMER)));
    const fields: unknown[] = oneway ? [NOTIFY, method] : [REQUEST, id, method];
    if (head || params !== undefined) fields.push(head && head.t !== undefined ? { ...head, t: left } : head);
    return this.codec.frame(fields, params);
  }
}

/** Why something cannot be sent, if it takes more than `most` bytes. */
function tooLarge(what: string, size: number, most: number): Failure | undefined {
  if (size <= most) return undefined;
  return { code: "INVALID_ARGUMENT", message: `${what} takes ${size} bytes and the peer accepts ${most}` };
}

function finish(pending: Pending, outcome: Outcome): void {
  if (pending.over) return;
  pending.over = true;
  clearTimeout(pending.timer);
  pending.request.end(outcome);
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
export const MAX_ID: number = Number.MAX_SAFE_INTEGER;

/** How many answers may wait for a server that calls and does not read. */
const MAX_URGENT = 8192;
