// What README.md takes for granted: the chat of its examples, as it would be generated.
import type { Call, CallOptions, ServiceDef } from "trunkline";

export type Message = { id: number; from: string; text: string };

export type ChatError = { code: "NO_SUCH_ROOM"; data: { room: string } } | { code: "CLOSED" };

export interface Chat {
  say(room: string, text: string, options?: CallOptions): Call<Message, ChatError>;
  history(room: string, limit?: number, options?: CallOptions): Call<Message[], ChatError>;
}

export const Chat: ServiceDef<Chat> = {
  name: "Chat",
  hash: "46a23d996c12a25b",
  methods: {
    say: { p: ["room", "text"] },
    history: { p: ["room", "limit"], i: 1 },
  },
};
