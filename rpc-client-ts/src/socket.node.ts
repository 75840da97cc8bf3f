/**
 * Which WebSocket a client dials with in Node: the global one, which Node has from version 22 on, else that of the package
 * `ws`, which is loaded only then.
 */

import type { Socket, SocketClass } from "./socket.ts";

/** The WebSocket of this platform. */
export function platformSocket(): SocketClass | Promise<SocketClass> {
  return (globalThis.WebSocket as SocketClass | undefined) ?? fromPackage();
}

async function fromPackage(): Promise<SocketClass> {
  // Bundlers shall leave it alone, because it need not be there.
  const { WebSocket } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "ws").catch(() => {
    throw new Error("this version of Node has no WebSocket: run `npm install ws`, or use Node 22");
  });
  return class extends (WebSocket as new (url: string, protocols: string[], options: object) => Socket) {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { maxPayload: 1 << 20, perMessageDeflate: false });
    }
  };
}
