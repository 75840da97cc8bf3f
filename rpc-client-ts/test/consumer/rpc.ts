// What README.md takes for granted: the chat of its examples, as it would be generated.
import type { Call, CallOptions, ServiceDef } from "trunkline";

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
