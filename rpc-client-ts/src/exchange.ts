/**
 * A session with all that is more than calls: streams in both directions, and requests of the peer. It keeps who reads and who sends
 * which stream, gives credit and keeps to it, and lets no answer wait behind a stream.
 */

import { Broken, type Packet, type Payload, type Replacer } from "./codec.ts";
import type { AppError } from "./error.ts";
import type { Producer, Way } from "./producer.ts";
import {
  CANCEL,
  CREDIT,
  FAIL,
  type Failure,
  type Frame,
  ITEM,
  isWhole,
  type Limits,
  OK,
  POSITION,
  PUBLICATION,
  unavailable,
} from "./protocol.ts";
import { type Asked, MAX_ID, type Outcome, type Outlet, type Pending, type Request, Session } from "./session.ts";
import type { Flow } from "./subscription.ts";

/** A call with streams. */
export interface Streaming extends Request {
  /** Who reads its result. */
  readonly flow?: Flow<unknown, AppError> | undefined;
  readonly uploads?: readonly Producer[] | undefined;
  /** Is told the value of its answer as soon as that is here, also of a call that was given up. */
  readonly answer?: ((value: unknown) => void) | undefined;
}

/** What the server sends that is no answer and no stream. */
export interface Served {
  asked(request: Asked): void;
  cancelled(id: number): void;
  published(channel: string, epoch: string, offset: number, method: string, value: Payload): void;
  moved(channel: string, epoch: string, offset: number, missed: number): void;
}

export class Exchange extends Session implements Way {
  served!: Served;
  readonly #flows: Map<number, Flow<unknown, AppError>> = new Map();
  readonly #producers: Map<number, Producer> = new Map();
  /** Frames that wait behind the calls. */
  #bulk: Packet[] = [];
  #size = 0;
  /** Who waits for room. */
  #waiting: (() => void)[] = [];
  #slots = 0;
  #aside = 0;

  override attach(outlet: Outlet, limits: Partial<Limits> = {}): void {
    const { streams = 0, stream_items = 0, stream_bytes = 0 } = limits;
    if (![streams, stream_items, stream_bytes].every(isWhole)) throw new Broken("bad limits of streams");
    super.attach(outlet, limits);
  }

  override handle(frame: Frame): void {
    switch (frame[0]) {
      case ITEM:
        this.#item(frame[1], unavailable(frame[2]), frame[3]);
        break;
      case CREDIT:
        this.#producers.get(frame[1])?.credit(frame[2], frame[3]);
        break;
      case CANCEL: {
        const [, id] = frame;
        if (id % 2 === 0) this.served.cancelled(id);
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

  override end(failure: Failure, lost: string): void {
    super.end(failure, lost);
    for (const producer of this.#producers.values()) producer.stop();
    this.#producers.clear();
    this.#flows.clear();
    this.#bulk = [];
    this.#size = 0;
    this.#makeRoom();
  }

  /** Answers a request of the peer. */
  answer(id: number, fields: readonly unknown[], payload?: Packet): void {
    const size = this.codec.size(this.codec.frame(fields, payload));
    if (size <= this.limits.packet) this.urge(id, fields, payload);
    else {
      const message = `the answer takes ${size} bytes and the peer accepts ${this.limits.packet}`;
      this.urge(id, [FAIL, id, { code: "RESOURCE_EXHAUSTED", message, executed: true }]);
    }
  }

  refuse(id: number, code: string, message: string, executed?: true): void {
    this.urge(id, [FAIL, id, { code, message, executed }]);
  }

  /** Sends a stream under `id`, until it ends or `stop` is called on it. */
  async produce(id: number, producer: Producer): Promise<void> {
    const { stream_items = WINDOW[0], stream_bytes = WINDOW[1] } = this.limits;
    this.#producers.set(id, producer);
    await producer.run(this, id, stream_items, stream_bytes);
    this.#producers.delete(id);
  }

  encode(value: unknown, write: Replacer | undefined): Packet {
    const payload = this.codec.encode(value, write);
    const size = this.codec.size(payload) + 64;
    if (size > this.limits.packet) {
      throw new RangeError(`an item takes ${size} bytes and the peer accepts ${this.limits.packet}`);
    }
    return payload;
  }

  size(packet: Packet): number {
    return this.codec.size(packet);
  }

  put(fields: readonly unknown[], payload?: Packet): void {
    const frame = this.codec.frame(fields, payload);
    this.#bulk.push(frame);
    this.#size += this.codec.size(frame);
    this.wake();
  }

  room(): Promise<void> | undefined {
    if (this.#size < MARK) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  protected override asked(request: Asked, message?: string): void {
    if (message) super.asked(request, message);
    else this.served.asked(request);
  }

  protected override mayLeave(request: Streaming): boolean {
    const { streams = 0, flow } = request;
    const most = this.limits.streams ?? 128;
    if (streams && this.#slots + streams > most) return false;
    return (
      (flow ? this.#aside : this.sent.size - this.#aside) < (flow ? most : this.limits.in_flight) &&
      this.lastId + 2 * streams < MAX_ID
    );
  }

  protected override leave(pending: Pending): void {
    super.leave(pending);
    const { streams = 0, flow, uploads = [] } = pending.request as Streaming;
    const id = pending.id as number;
    this.#slots += streams;
    if (flow) {
      this.#aside++;
      this.#flows.set(id, flow);
      flow.onTaken = () => this.#grant(id, flow);
    }
    for (const upload of uploads) void this.produce((this.lastId += 2), upload);
  }

  protected override write(pending: Pending, id: number): Packet {
    const { request } = pending;
    const { uploads = [] } = request as Streaming;
    if (uploads.length === 0) return super.write(pending, id);
    const head = { ...request.head, s: uploads.map((_, i) => id + 2 * (i + 1)) };
    return super.write({ ...pending, request: { ...request, head } }, id);
  }

  protected override answered(id: number, outcome: Outcome): void {
    const request = this.sent.get(id)?.request as Streaming | undefined;
    if (request) {
      const { streams = 0, flow, uploads = [], answer } = request;
      this.#slots -= streams;
      if (flow) this.#aside--;
      this.#flows.delete(id);
      for (const upload of uploads) upload.stop();
      if (answer && outcome[0] === OK) answer(readOr(outcome[1], undefined));
    }
    super.answered(id, outcome);
  }

  protected override next(room: number): Packet | undefined {
    const frame = super.next(room);
    if (frame !== undefined) return frame;
    const [first] = this.#bulk;
    if (first === undefined) return undefined;
    const size = this.codec.size(first);
    if (size > room) return undefined;
    this.#bulk.shift();
    this.#size -= size;
    if (this.#size < MARK) this.#makeRoom();
    return first;
  }

  #makeRoom(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #item(id: number, message: string | undefined, value: Payload): void {
    const flow = this.#flows.get(id);
    const pending = this.sent.get(id);
    if (!pending) return;
    if (!flow || message) {
      this.cancel(pending, {
        code: "UNIMPLEMENTED",
        message: message ?? "this method streams: call it by a generated file",
      });
      return;
    }
    const size = value.bytes === undefined ? 0 : this.codec.size(value.bytes);
    const mayArrive = flow.arrived.every((arrived, i) => arrived < at(flow.granted, i) + at(WINDOW, i));
    if (!mayArrive && !flow.isOver) throw new Broken("an item without credit");
    flow.push(value, size);
  }

  /** Gives credit when half of what there was has been taken. */
  #grant(id: number, flow: Flow<unknown, AppError>): void {
    if (!flow.taken.some((taken, i) => taken - at(flow.granted, i) >= at(WINDOW, i) / 2)) return;
    flow.granted = flow.taken;
    this.urge(id, [CREDIT, id, ...flow.taken.map((taken, i) => taken + at(WINDOW, i))]);
  }
}

function readOr<T>(payload: Payload, otherwise: T): unknown {
  try {
    return payload();
  } catch {
    return otherwise;
  }
}

function at(pair: readonly number[], i: number): number {
  return pair[i] as number;
}

/** How many items of one stream, and how many bytes of them, may be on their way unless something else is said. */
const WINDOW = [1024, 256 << 10] as const;

/** From how many bytes of streams on that wait to be sent, none is asked for more. */
const MARK = 64 << 10;
