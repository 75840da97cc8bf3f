/**
 * The core of Trunkline's client, where every byte counts: calls, typed errors, events and the state of the connection. Streams,
 * channels, services that the client serves and logins that are renewed come with the module `trunkline`.
 *
 * @module
 */

export type { Call, CallOptions, Result } from "./call.ts";
export { type ClientOptions, type CoreClient as Client, connect, type State, type Token } from "./client.ts";
export type { Codec, Packet, Payload, Replacer } from "./codec.ts";
export { type AppError, type Code, type ErrorFields, isRpcError, RpcError } from "./error.ts";
export type { Close } from "./link.ts";
export type { MethodDef, Plan, Plans, Revive, ServiceDef } from "./service.ts";
export type { Socket, SocketClass, SocketEvent } from "./socket.ts";
