// The page of the chat: it connects as whoever the visitor says to be, enters a room, and says things in it.
//
// `cargo xtask gen` makes `rpc.ts` from the Rust traits and `app.js` from this file, so that the example needs no Node.

import { connect, type Client, type RpcError, type Subscription } from "trunkline";
import { Chat, type ChatError, type Message } from "./rpc.ts";

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const [nameInput, roomInput, textInput] = ["name", "room", "text"].map((id) => element<HTMLInputElement>(id));
const [messages, problem, state, rooms] = ["messages", "problem", "state", "rooms"].map((id) => element(id));
const sendButton = document.querySelector<HTMLButtonElement>("#say button")!;

let client: Client | undefined;
let chat: Chat | undefined;
let live: Subscription<Message, ChatError> | undefined;

/** Connects as somebody, and enters a room. */
async function enter(name: string, room: string): Promise<void> {
  live = undefined;
  await client?.close();
  client = connect("/rpc", { token: `token-of-${name}` });
  state!.textContent = client.state;
  client.onState((now, _close, user) => (state!.textContent = user ? `${now} as ${user}` : now));
  chat = client.service(Chat);
  rooms!.replaceChildren(...(await chat.rooms()).map((known) => new Option(known)));

  const joined = await chat.join(room).result();
  sendButton.disabled = !joined.ok;
  problem!.textContent = joined.ok ? "" : explain(joined.error);
  messages!.replaceChildren();
  if (!joined.ok) return;
  // The next time this tab is loaded, it is here again.
  sessionStorage.setItem("who", JSON.stringify([name, room]));
  // Begun before the history is asked for, so that nothing is said in between.
  live = chat.watch(room);
  const history = await chat.history(room);
  for (const message of [...history].reverse()) show(message);
  const newest = history[0]?.id ?? 0;
  void follow(live, newest);
}

/** Shows what is said, until the connection ends. */
async function follow(said: Subscription<Message, ChatError>, newest: number): Promise<void> {
  try {
    for await (const message of said) if (message.id > newest) show(message);
  } catch (error) {
    if (said === live) problem!.textContent = (error as Error).message;
  }
}

/** Says something, which comes back to all who watch the room. */
async function say(text: string): Promise<void> {
  const said = await chat!.say(text).result();
  problem!.textContent = said.ok ? "" : explain(said.error);
  if (said.ok) textInput!.value = "";
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

function show(message: Message): void {
  const row = document.createElement("li");
  const from = document.createElement("b");
  from.textContent = message.from;
  row.append(from, message.text);
  messages!.append(row);
}

function onSubmit(form: string, work: () => Promise<void>): void {
  element<HTMLFormElement>(form).addEventListener("submit", (event) => {
    event.preventDefault();
    work().catch((error: Error) => (problem!.textContent = error.message));
  });
}

onSubmit("enter", () => enter(nameInput!.value, roomInput!.value));
onSubmit("say", () => say(textInput!.value));

const [name, room] = JSON.parse(sessionStorage.getItem("who") ?? "[]");
if (name) {
  nameInput!.value = name;
  roomInput!.value = room;
  element<HTMLFormElement>("enter").requestSubmit();
}
