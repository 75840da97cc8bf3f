/**
 * A call as its caller holds it: a promise that can also give its outcome as a value.
 */

import type { AppError, RpcError } from "./error.ts";

/** How one call is made. */
export interface CallOptions {
  /** Gives the call up when it aborts: it fails with `CANCELLED`, and the method is ended on the server. */
  signal?: AbortSignal | undefined;
  /** How long the call may take, in milliseconds: the client's `timeout` unless set. The server learns it, and may allow less. */
  timeout?: number | undefined;
  /** What the application sends beside the parameters: values that JSON has a form for, 16 KiB at most. */
  meta?: Readonly<Record<string, unknown>> | undefined;
}

/** The outcome of a call as a value. */
export type Result<T, E extends AppError = never> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RpcError<E> };

/**
 * A call on its way. It leaves at the end of the turn, together with the others that are made in it.
 *
 * Awaiting it gives the value or throws an {@link RpcError}; {@link Call.result} gives either as a value.
 */
export interface Call<T, E extends AppError = never> extends Promise<T> {
  /**
   * The outcome as a value; never rejects.
   *
   * ```ts
   * const r = await chat.say("lobby", "hi").result();
   * if (!r.ok) console.log(r.error.code);
   * ```
   */
  result(): Promise<Result<T, E>>;
}

/** Makes a call. What settles it is given what reads its value or throws its error, and whether it is known to throw. */
export function newCall<T, E extends AppError>(
  begin: (settle: (read: () => T, fails: boolean) => void) => void,
): Call<T, E> {
  const promise = new Promise<T>((resolve, reject) =>
    begin((read, fails) => {
      // An error that is made behind the promise has on its stack who awaits the call, at no cost for calls that succeed.
      if (fails) return resolve(Promise.resolve().then().then(read));
      try {
        resolve(read());
      } catch (error) {
        reject(error);
      }
    }),
  );
  return Object.assign(promise, { result: result<T, E> });
}

function result<T, E extends AppError>(this: Promise<T>): Promise<Result<T, E>> {
  return this.then(
    (value) => ({ ok: true, value }),
    (error: RpcError<E>) => ({ ok: false, error }),
  );
}
