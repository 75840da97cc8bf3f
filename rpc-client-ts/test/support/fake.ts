/**
 * A socket in memory: the test is the server.
 */

import { type Client, type ClientOptions, connect } from "../../src/index.ts";
import { json } from "../../src/json.ts";
import type { Socket, SocketEvent } from "../../src/socket.ts";

/** What the client has, as seen from the other end. */
export class FakeSocket implements Socket {
  binaryType = "blob";
  bufferedAmount = 0;
  protocol = "";
  /** The packets that the client has sent. */
  readonly sent: (string | Uint8Array)[] = [];
  /** How the client has closed it, if it has. */
  closed: { code: number | undefined; reason: string | undefined } | undefined;
  readonly url: string;
  readonly protocols: string[];
  #listeners: [type: string, listener: (event: SocketEvent) => void][] = [];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: (event: SocketEvent) => void): void {
    this.#listeners.push([type, listener]);
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999))
      throw new Error(`a browser refuses ${code}`);
    if (new TextEncoder().encode(reason).length > 123) throw new Error("a browser refuses so long a reason");
    this.closed ??= { code, reason };
  }

  emit(type: string, event: Omit<SocketEvent, "type"> = {}): void {
    for (const [of, listener] of [...this.#listeners]) if (of === type) listener({ type, ...event });
  }

  /** The connection is there. */
  open(): void {
    this.protocol = this.protocols[0] ?? "";
    this.emit("open");
  }

  /** A packet of these frames arrives. */
  receive(...frames: unknown[]): void {
    this.emit("message", { data: json.join(frames.map((frame) => JSON.stringify(frame))) });
  }

  /** The frames of all packets that the client has sent, and forgets them. */
  frames(): unknown[][] {
    const packets = this.sent.splice(0) as string[];
    return packets.flatMap((packet) => packet.split("\n").map((frame) => JSON.parse(frame) as unknown[]));
  }

  /** The other end closes. */
  end(code: number, reason = ""): void {
    this.emit("close", { code, reason });
  }
}

/** What a server says first. */
export const WELCOME = [2, { v: 1, session: "s-1", ping_ms: 25000, limits: { packet: 1 << 20, in_flight: 1024 } }];

/** A client whose socket is in memory and has not been opened. */
export async function dial(
  options: ClientOptions = {},
  url = "ws://test/rpc",
): Promise<{ client: Client; socket: FakeSocket }> {
  let socket: FakeSocket | undefined;
  class Dialled extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      socket = this;
    }
  }
  const client = connect(url, { WebSocket: Dialled, ...options });
  await turn();
  return { client, socket: socket as unknown as FakeSocket };
}

/** A client that the server has accepted. */
export async function connected(
  options: ClientOptions = {},
  welcome: unknown = WELCOME,
): Promise<{ client: Client; socket: FakeSocket }> {
  const { client, socket } = await dial(options);
  socket.open();
  socket.frames();
  socket.receive(welcome);
  return { client, socket };
}

/** Lets everything run that waits for the end of the turn. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
