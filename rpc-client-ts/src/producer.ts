/**
 * A stream that is sent: it is asked for its next value only while the peer has given credit for one and the connection has room.
 */

import type { Packet, Replacer } from "./codec.ts";
import { ITEM, OK } from "./protocol.ts";

/** What a stream is sent from. */
export type Source<T = unknown> = AsyncIterable<T> | Iterable<T>;

/** Where a stream goes. */
export interface Way {
  /** Encodes an item; throws if it cannot be sent. */
  encode(value: unknown, write: Replacer | undefined): Packet;
  size(packet: Packet): number;
  /** Sends a frame behind all calls. */
  put(fields: readonly unknown[], payload?: Packet): void;
  /** Resolves when there is room for more. */
  room(): Promise<void> | undefined;
}

/** The end of a stream that has failed, as the fields of its frame and their payload. */
export type Failed = (error: unknown, id: number) => [fields: unknown[], payload?: Packet];

export class Producer {
  readonly #source: Source;
  readonly #write: Replacer | undefined;
  readonly #failed: Failed;
  #values: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  #credit = [0, 0];
  #used = [0, 0];
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(source: Source, write: Replacer | undefined, failed: Failed) {
    this.#source = source;
    this.#write = write;
    this.#failed = failed;
  }

  /** Sends all of it under `id`; resolves when it has ended. The peer may take so many items and bytes. */
  async run(way: Way, id: number, items: number, bytes: number): Promise<void> {
    this.credit(items, bytes);
    if (this.#isOver) return;
    try {
      const source = this.#source as Partial<AsyncIterable<unknown>> & Iterable<unknown>;
      const values = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]();
      this.#values = values;
      for (;;) {
        await this.#mayGoOn(way);
        if (this.#isOver) return;
        const next = await values.next();
        if (this.#isOver) return;
        if (next.done) break;
        const payload = way.encode(next.value, this.#write);
        this.#used[0] = (this.#used[0] as number) + 1;
        this.#used[1] = (this.#used[1] as number) + way.size(payload);
        way.put([ITEM, id, 0], payload);
      }
      this.#isOver = true;
      way.put([OK, id]);
    } catch (error) {
      if (this.#isOver) return;
      this.stop();
      way.put(...this.#failed(error, id));
    }
  }

  /** The peer takes so much, from the beginning. */
  credit(items: number, bytes: number): void {
    this.#credit = [Math.max(items, this.#credit[0] as number), Math.max(bytes, this.#credit[1] as number)];
    this.#wake?.();
  }

  /** Sends no more of it, and lets the source know. Whether it was running. */
  stop(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#wake?.();
    // Whatever that throws, nobody waits for it.
    void (async () => this.#values?.return?.())().catch(() => {});
    return true;
  }

  async #mayGoOn(way: Way): Promise<void> {
    while (!this.#isOver) {
      const room = way.room();
      if (room) await room;
      else if (this.#used.every((used, i) => used < (this.#credit[i] as number))) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
