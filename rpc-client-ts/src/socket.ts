/**
 * Which WebSocket a client dials with, in browsers and wherever else there is a global one. Node has a module of its own,
 * `socket.node.ts`, by the condition `node` in package.json.
 */

/** What this client needs of a WebSocket. The browser's has it, and so have Node's and that of the package `ws`. */
export interface Socket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** What happened at a {@link Socket}. */
export interface SocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** Makes a {@link Socket} that dials. */
export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** The WebSocket of this platform. */
export function platformSocket(): SocketClass | Promise<SocketClass> {
  return globalThis.WebSocket as SocketClass;
}
