/**
 * A link: one socket, from the hello to the close. It shakes hands, notices silence, and turns packets into
 * frames for the session, which outlives it.
 *
 * A browser closes with 1000 or 3000 to 4999 only. Where `docs/protocol.md` says 1003, for a packet of the wrong kind, and
 * 1009, for one that is too large, this client says 4400, everywhere alike.
 */

import { Broken, MAX_FRAMES, type Packet } from "./codec.ts";
import { decode, type Frame, HELLO, type Hello, WELCOME, type Welcome } from "./protocol.ts";
import { DEFAULTS, type Outlet, type Session } from "./session.ts";
import type { Socket, SocketEvent } from "./socket.ts";
import { after, type Timer } from "./timer.ts";

/** Why a connection ended. */
export interface Close {
  /** The code of the WebSocket's close; 1006 if there was none. `docs/protocol.md` lists them. */
  readonly code: number;
  /** What was said about it; may be empty. */
  readonly reason: string;
}

/** Whom a link is for. */
export interface LinkUser {
  /** What to say first. */
  hello(): Hello;
  /** The server has accepted. */
  welcomed(welcome: Welcome, link: Link): void;
  /** Nothing more comes. Is called once. */
  end(close: Close): void;
}

/** The state of one socket. */
export class Link implements Outlet {
  /** Resolves when the socket is closed, or a second after this side has closed it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  /** What this client offers and the server has to take up. */
  readonly #protocol: string;
  /** Whom the frames are from and for. */
  readonly #session: Session;
  readonly #user: LinkUser;
  #welcomed = false;
  #ended = false;
  #heardAt = 0;
  /** Of the silence until the end, then of the wait for the socket. */
  #timer: Timer;
  #gone!: () => void;

  constructor(dial: (protocol: string) => Socket, session: Session, user: LinkUser) {
    this.#protocol = `trunkline.v1.${session.codec.name}`;
    const socket = dial(this.#protocol);
    this.#socket = socket;
    this.#session = session;
    this.#user = user;
    socket.binaryType = "arraybuffer";
    // What a socket has said of its failure, which it says before it closes.
    let trouble = "";
    this.closed = new Promise((resolve) => {
      this.#gone = resolve;
    });
    const closed = ({ code = 1006, reason }: Partial<SocketEvent>) => {
      this.#end({ code, reason: reason || trouble });
      clearTimeout(this.#timer);
      this.#gone();
    };
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", ({ data }) =>
      this.#take(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)),
    );
    socket.addEventListener("close", closed);
    socket.addEventListener("error", ({ message = "" }) => {
      trouble = message;
      // A close follows, but not from every socket.
      setTimeout(closed, 1000, {});
    });
  }

  send(packet: Packet): void {
    if (!this.#ended) this.#socket.send(packet);
  }

  hasRoom(): boolean {
    return this.#socket.bufferedAmount < MARK;
  }

  /** Ends the link. What was sent before still arrives. */
  close(code: number, reason = ""): void {
    if (this.#ended) return;
    this.#end({ code, reason });
    this.#socket.close(code, reason);
    // A peer that does not read any more does not answer either.
    this.#timer = after(1000, this.#gone);
  }

  #open(): void {
    const { codec } = this.#session;
    if (this.#socket.protocol !== this.#protocol) {
      this.close(4400, "the server does not speak this subprotocol");
      return;
    }
    const hello = codec.frame([HELLO, this.#user.hello()]);
    // The server need not take more than this before it has answered.
    const room = (16 << 10) - codec.size(hello) - 1;
    this.send(codec.join([hello, ...this.#session.gather(room, room)]));
  }

  #take(packet: Packet): void {
    if (this.#ended) return;
    this.#heardAt = performance.now();
    const { codec } = this.#session;
    let count = 0;
    try {
      if (typeof packet !== typeof codec.join([])) throw new Broken("bad kind of packet (1003)");
      if (codec.size(packet) > DEFAULTS.packet) throw new Broken("too large a packet (1009)");
      for (const bytes of codec.split(packet)) {
        if (++count > MAX_FRAMES) throw new Broken("too many frames");
        const frame = decode(codec, bytes);
        if (!this.#welcomed) this.#welcome(frame);
        else this.#session.handle(frame);
        if (this.#ended) return;
      }
    } catch (error) {
      const { code, message } = error instanceof Broken ? error : new Broken("bad frame");
      this.close(code, message);
    }
  }

  #welcome(frame: Frame): void {
    if (frame[0] !== WELCOME) throw new Broken("bad frame");
    const [, welcome] = frame;
    if (welcome.v !== 1) throw new Broken("bad version");
    this.#welcomed = true;
    if (welcome.ping_ms) this.#watch(Math.max(35_000, welcome.ping_ms + 10_000));
    this.#user.welcomed(welcome, this);
  }

  /** Ends the link if nothing is heard for `patience` milliseconds. */
  #watch(patience: number): void {
    const left = this.#heardAt + patience - performance.now();
    if (left <= 0) this.close(4410, "nothing was heard from the server");
    else this.#timer = after(left, () => this.#watch(patience));
  }

  #end(close: Close): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#user.end(close);
  }
}

/** From how many unsent bytes on calls wait. */
const MARK = 256 << 10;
