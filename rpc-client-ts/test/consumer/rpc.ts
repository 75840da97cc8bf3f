// What README.md takes for granted: the chat of its examples, as it would be generated.
import type { Call, CallOptions, ServiceDef, Streaming, Subscription } from "trunkline";

export type ChatError = {
  code: "NO_SUCH_ROOM";
  data: { room: string };
};

export type Message = {
  from: string;
  text: string;
};

export interface Chat {
  /** Enters a room under a name. */
  join(room: string, name: string, options?: CallOptions): Call<void, ChatError>;
  /** Says something, once one has joined: five times in ten seconds. */
  say(text: string, options?: CallOptions): Call<Message>;
}

export const Chat: ServiceDef<Chat> = {
  name: "Chat",
  hash: "b169f042e6ef863a",
  methods: {
    join: { p: ["room", "name"] },
    say: { p: ["text"] },
  },
};

export interface Reports {
  lines(topic: string, options?: CallOptions): Subscription<string, ChatError>;
  upload(name: string, parts: Streaming<Uint8Array>, options?: CallOptions): Call<number>;
}

export const Reports: ServiceDef<Reports> = {
  name: "Reports",
  hash: "9b69f5e6b7cc1cc0",
  methods: {
    lines: { p: ["topic"], s: 1 },
    upload: { p: ["name", "parts"], s: 2, u: [1] },
  },
};

export type ScanError = { code: "BUSY" };

export interface Worker {
  scan(jobs: number[], options?: CallOptions): Call<number, ScanError>;
  announced(text: string, options?: CallOptions): Call<void>;
}

export const Worker: ServiceDef<Worker> = {
  name: "Worker",
  hash: "7bc650314b22f3aa",
  methods: {
    scan: { p: ["jobs"] },
    announced: { p: ["text"], k: 1 },
  },
};
