/**
 * From what came over the wire to what the caller gets: the value of a call, or its error.
 */

import { UnsafeInteger } from "./codec.ts";
import { type AppError, failed, RpcError, reason } from "./error.ts";
import { FAIL, OK } from "./protocol.ts";
import type { MethodDef, Revival } from "./service.ts";
import type { Outcome } from "./session.ts";

/** The value of a call. Throws its {@link RpcError}, which `cause` explains if the call was given up here. */
export function understand(
  name: string,
  outcome: Outcome,
  cause: unknown,
  method?: MethodDef,
  revival?: Revival,
): unknown {
  if (outcome[0] === FAIL) throw failed(name, outcome[1], cause);
  const [kind, payload] = outcome;
  const plan = method?.r?.[kind === OK ? 0 : 1];
  let value: unknown;
  try {
    value = payload();
    if (plan && revival?.revive) value = revival.revive.read(value, plan, revival.plans ?? {});
  } catch (error) {
    const message = `the answer cannot be read: ${reason(error)}`;
    throw failed(
      name,
      { code: error instanceof UnsafeInteger ? "OUT_OF_RANGE" : "INTERNAL", message, executed: true },
      error,
    );
  }
  if (kind === OK) return value;
  const { code, data } = (value ?? {}) as AppError;
  if (typeof code !== "string") {
    throw failed(name, { code: "UNKNOWN", executed: true });
  }
  throw new RpcError({
    kind: "app",
    method: name,
    code,
    data,
    maybeExecuted: true,
    message: `${name} failed with ${code}`,
  });
}
