// The page of the chat: it connects as whoever the visitor says to be, enters a room, and says things in it.
//
// `cargo xtask gen` makes `rpc.ts` from the Rust traits and `app.js` from this file, so that the example needs no Node.

import { connect, type Client, type RpcError } from "trunkline";
import { Chat, type ChatError, type Message } from "./rpc.ts";

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const [nameInput, roomInput, textInput] = ["name", "room", "text"].map((id) => element<HTMLInputElement>(id));
const [messages, problem, state, rooms] = ["messages", "problem", "state", "rooms"].map((id) => element(id));
const sendButton = document.querySelector<HTMLButtonElement>("#say button")!;

let client: Client | undefined;
let chat: Chat | undefined;

/** Connects as somebody, and enters a room. */
async function enter(name: string, room: string): Promise<void> {
  await client?.close();
  client = connect("/rpc", { token: `token-of-${name}` });
  state!.textContent = client.state;
  client.onState((now, _close, user) => (state!.textContent = user ? `${now} as ${user}` : now));
  chat = client.service(Chat);
  rooms!.replaceChildren(...(await chat.rooms()).map((known) => new Option(known)));

  const joined = await chat.join(room).result();
  sendButton.disabled = !joined.ok;
  problem!.textContent = joined.ok ? "" : explain(joined.error);
  show(joined.ok ? await chat.history(room) : []);
}

/** Says something, and shows what the room has heard since. */
async function say(text: string): Promise<void> {
  const said = await chat!.say(text).result();
  problem!.textContent = said.ok ? "" : explain(said.error);
  if (said.ok) textInput!.value = "";
  show(await chat!.history(roomInput!.value));
}

/** A typed error is a case of its own, and so is each code of the system's. */
function explain(error: RpcError<ChatError>): string {
  if (error.kind === "app") {
    switch (error.code) {
      case "NO_SUCH_ROOM":
        return `There is no room called ${error.data.room}.`;
    }
  }
  if (error.code === "RESOURCE_EXHAUSTED") {
    return `Not so fast: again in ${((error.retryAfterMs ?? 0) / 1000).toFixed(1)} s.`;
  }
  return error.message;
}

function show(history: Message[]): void {
  const rows = history.reverse().map((message) => {
    const row = document.createElement("li");
    const from = document.createElement("b");
    from.textContent = message.from;
    row.append(from, message.text);
    return row;
  });
  messages!.replaceChildren(...rows);
}

function onSubmit(form: string, work: () => Promise<void>): void {
  element<HTMLFormElement>(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work().catch((error: Error) => (problem!.textContent = error.message));
  });
}

onSubmit("enter", () => enter(nameInput!.value, roomInput!.value));
onSubmit("say", () => say(textInput!.value));
