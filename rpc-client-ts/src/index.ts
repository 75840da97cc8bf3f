/**
 * Trunkline's client: typed calls to a Rust server over one WebSocket.
 *
 * @module
 */

export type { Call, CallOptions, Result } from "./call.ts";
export type { ClientOptions, CoreClient, State, Token } from "./client.ts";
export type { Codec, Packet, Payload, Replacer } from "./codec.ts";
export { type AppError, type Code, type ErrorFields, isRpcError, RpcError } from "./error.ts";
export { type Client, connect } from "./full.ts";
export type { Close } from "./link.ts";
export type { Source as Streaming } from "./producer.ts";
export { type Impl, type Incoming, typedError } from "./serve.ts";
export type { MethodDef, Plan, Plans, Revive, ServiceDef } from "./service.ts";
export type { Socket, SocketClass, SocketEvent } from "./socket.ts";
export type { Observer, Subscription } from "./subscription.ts";
