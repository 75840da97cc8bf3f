/**
 * A stream as its reader holds it: of the results of a method, or of what is published on a channel. It keeps what has arrived until
 * it is taken, and knows nothing of frames.
 */

import type { Payload } from "./codec.ts";
import type { AppError, RpcError } from "./error.ts";

/** Who is called with what a {@link Subscription} gives. */
export interface Observer<T, E extends AppError = never> {
  next?(value: T): void;
  /** It has failed; nothing comes any more. */
  error?(error: RpcError<E>): void;
  /** It has ended; nothing comes any more. */
  done?(): void;
}

/**
 * A stream of values, for one reader: read it with `for await`, or pass what is called to {@link Subscription.subscribe}.
 *
 * The request for it leaves at the end of the turn, like a call. Leaving the loop, or closing it, ends it on the server. What is not
 * read waits here, and holds the server back: of a stream that a method computes at most 1,024 values or 256 KiB are on their way.
 * Of a channel at most 1,024 values wait: then the oldest are dropped, which shows as a gap.
 */
export interface Subscription<T, E extends AppError = never> extends AsyncIterable<T, void, undefined> {
  /** Resolves when the server has answered: with a first value, the end, or the news that the channel is subscribed. */
  readonly ready: Promise<void>;
  /** Gives the values one after another, and throws the {@link RpcError} that ended the stream. Works once. */
  [Symbol.asyncIterator](): AsyncIterator<T, void, undefined>;
  /** Calls `observer` with each value, in place of a loop. The result stops it, and ends the stream. */
  subscribe(observer: Observer<T, E> | ((value: T) => void)): () => void;
  /**
   * Calls `listener`, at its place between the values, with how many values of a channel were lost because this reader or its connection
   * was too slow. Returns the stream.
   */
  onGap(listener: (missed: number) => void): this;
  /** Ends it: the reader is told that it is done, and the server stops. */
  close(): void;
}

/** What keeps the values. */
export class Flow<T, E extends AppError> implements Subscription<T, E> {
  readonly ready: Promise<void>;
  /** Where it stands on its channel, if it has one. */
  channel: string | undefined;
  sub = 0;
  epoch = "";
  offset = 0;
  /** How much has arrived, has been taken, and had been taken when the sender was told last: items and bytes. */
  arrived: readonly [number, number] = [0, 0];
  taken: readonly [number, number] = [0, 0];
  granted: readonly [number, number] = [0, 0];
  /** Is told of what was taken. */
  onTaken: (() => void) | undefined;
  /** Values that wait and how large they are, and gaps. */
  readonly #queue: ([payload: Payload, size: number] | number)[] = [];
  #settled: (() => void) | undefined;
  #fail!: (error: unknown) => void;
  /** How it has ended: `null` as planned. */
  #end: { error: RpcError<E> | null } | undefined;
  #closed: () => void;
  #isRead = false;
  #wake: (() => void) | undefined;
  #onGap: ((missed: number) => void) | undefined;

  readonly #read: (payload: Payload) => T;

  /** `closed` is told when the reader wants no more; `read` makes values of payloads. */
  constructor(closed: () => void, read: (payload: Payload) => T) {
    this.#closed = closed;
    this.#read = read;
    this.ready = new Promise((resolve, reject) => {
      this.#settled = resolve;
      this.#fail = reject;
    });
    this.ready.catch(() => {});
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** The server has answered. */
  opened(): void {
    this.#settled?.();
  }

  /** A value has arrived; of a channel, so many may wait. */
  push(payload: Payload, size = 0, most: number = Infinity): void {
    if (this.#end) return;
    this.opened();
    let dropped = 0;
    while (this.#queue.length >= most) {
      const oldest = this.#queue.shift();
      dropped += typeof oldest === "number" ? oldest : 1;
    }
    if (dropped) this.#queue.unshift(dropped);
    this.arrived = [this.arrived[0] + 1, this.arrived[1] + size];
    this.#queue.push([payload, size]);
    this.#wake?.();
  }

  /** So many values will not come. */
  gap(missed: number): void {
    if (this.#end) return;
    this.#queue.push(missed);
    this.#wake?.();
  }

  /** Nothing more comes. */
  end(error: RpcError<E> | null): void {
    this.#end ??= { error };
    if (error) this.#fail(error);
    this.opened();
    this.#wake?.();
  }

  close(): void {
    this.#queue.length = 0;
    if (this.#end) return;
    this.end(null);
    this.#closed();
  }

  onGap(listener: (missed: number) => void): this {
    this.#onGap = listener;
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, void, undefined> {
    if (this.#isRead) throw new TypeError("it is read already: a stream has one reader");
    this.#isRead = true;
    // Several may be asked for before the first has come.
    let last: Promise<unknown> = Promise.resolve();
    const next = () => {
      const result = last.then(() => this.#next());
      last = result.catch(() => {});
      return result;
    };
    const stop = async () => {
      this.close();
      return { done: true, value: undefined } as const;
    };
    return { next, return: stop };
  }

  subscribe(observer: Observer<T, E> | ((value: T) => void)): () => void {
    const { next, error, done } = typeof observer === "function" ? { next: observer } : observer;
    const values = this[Symbol.asyncIterator]();
    let isOver = false;
    const read = async () => {
      for (;;) {
        let result: IteratorResult<T, void>;
        try {
          result = await values.next();
        } catch (failure) {
          if (!error) throw failure;
          if (!isOver) error.call(observer, failure as RpcError<E>);
          return;
        }
        if (isOver) return;
        if (result.done) return done?.call(observer);
        next?.call(observer, result.value);
      }
    };
    read().catch((failure) => {
      // What it throws is its own, and ends its stream.
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

  async #next(): Promise<IteratorResult<T, void>> {
    for (;;) {
      const entry = this.#queue.shift();
      if (typeof entry === "number") this.#onGap?.(entry);
      else if (entry) return this.#take(...entry);
      else if (this.#end) {
        const { error } = this.#end;
        this.#end = { error: null };
        if (error) throw error;
        return { done: true, value: undefined };
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #take(payload: Payload, size: number): IteratorResult<T, void> {
    this.taken = [this.taken[0] + 1, this.taken[1] + size];
    try {
      const value = this.#read(payload);
      if (!this.#end) this.onTaken?.();
      return { done: false, value };
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
