/**
 * Why a call failed: {@link RpcError}, with the application's typed error or with one of Trunkline's codes.
 */

import type { Failure } from "./protocol.ts";

/** What a method may fail with, as its Rust enum says: told apart by `code`. */
export interface AppError {
  readonly code: string;
  readonly data?: unknown;
}

/** The codes of errors that are not the application's, with the names and meanings of gRPC's. */
export type Code =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

const CODES =
  /^(CANCELLED|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)$/;

/** What every failed call tells. */
interface Base extends Error {
  readonly name: "RpcError";
  /** The method that was called, by its name on the wire; empty for a connection that was refused. */
  readonly method: string;
  /** Whether the method may have run, at least in part. If not, a repetition cannot do anything twice. */
  readonly maybeExecuted: boolean;
}

/** The method ran and failed with an error that it declares. */
interface App<E extends AppError> extends Base {
  readonly kind: "app";
  readonly code: E["code"];
  readonly data: "data" extends keyof E ? E["data"] : undefined;
  readonly retryAfterMs?: undefined;
  readonly reference?: undefined;
}

/** Anything else: the code says what. */
interface Rpc extends Base {
  readonly kind: "rpc";
  readonly code: Code;
  readonly data?: undefined;
  /** When a repetition makes sense, in milliseconds from the answer; absent if nothing is known. */
  readonly retryAfterMs?: number;
  /** Finds the cause in the server's log. */
  readonly reference?: string;
}

/**
 * A failed call. `kind` tells the application's typed errors (`"app"`, with `code` and `data` of `E`) from all others (`"rpc"`).
 *
 * ```ts
 * if (error.kind === "app" && error.code === "NO_SUCH_ROOM") retry(error.data.room);
 * if (error.kind === "rpc" && error.code === "RESOURCE_EXHAUSTED") wait(error.retryAfterMs);
 * ```
 */
export type RpcError<E extends AppError = AppError> = (E extends AppError ? App<E> : never) | Rpc;

/** The class of all {@link RpcError}s, for `instanceof`. Where two copies of this package meet, use {@link isRpcError}. */
export const RpcError: { new (error: ErrorFields): RpcError; readonly prototype: RpcError } =
  class RpcError extends Error {
    static {
      RpcError.prototype.name = "RpcError";
    }

    constructor({ message, cause, ...fields }: ErrorFields) {
      const { kind, method, code, reference } = fields;
      super(
        kind === "app" ? message : `${[method, code, reference].join(" ")}: ${message}`,
        cause === undefined ? undefined : { cause },
      );
      // Where nobody has caught it, only the stack is shown, and for that it has to be looked at while it has the longer text.
      void this.stack;
      this.message = message;
      // What is not known shall not show up in logs.
      for (const [key, value] of Object.entries(fields))
        if (value !== undefined) (this as Record<string, unknown>)[key] = value;
    }
  } as never;

/** What an {@link RpcError} is made of. */
export interface ErrorFields {
  kind: "app" | "rpc";
  code: string;
  method: string;
  maybeExecuted: boolean;
  message: string;
  data?: unknown;
  retryAfterMs?: number | undefined;
  reference?: string | undefined;
  cause?: unknown;
}

/**
 * Whether something that was thrown is a failed call. Which method it was, and so `E`, only the caller knows.
 *
 * ```ts
 * try { await chat.say("attic", "hi"); }
 * catch (e) { if (!isRpcError<ChatError>(e)) throw e; }
 * ```
 */
export function isRpcError<E extends AppError = AppError>(error: unknown): error is RpcError<E> {
  return error instanceof Error && error.name === "RpcError";
}

/** The error of a call that failed for a reason which is not the application's. */
export function failed(method: string, failure: Failure, cause?: unknown): RpcError<never> {
  const { code, message, retry_ms, ref, executed } = failure;
  return new RpcError({
    kind: "rpc",
    code: CODES.test(code) ? code : "UNKNOWN",
    method,
    maybeExecuted: executed === true,
    message: message || code,
    retryAfterMs: retry_ms,
    reference: ref,
    cause,
  }) as RpcError<never>;
}

/** What went wrong, in words. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
