/**
 * From what came over the wire to what the caller gets: the value of a call, or its error.
 */

import { UnsafeInteger } from "./codec.ts";
import { type AppError, failed, RpcError, reason } from "./error.ts";
import { FAIL, type Failure, OK } from "./protocol.ts";
import type { MethodDef, Revival } from "./service.ts";
import type { Outcome } from "./session.ts";

/** The value of a call; throws its {@link RpcError}, which `cause` explains if it was given up here. */
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
    throw failed(name, misunderstood(error), error);
  }
  if (kind === OK) return value;
  if (!isAppError(value)) {
    const message = "the method failed with an error that this client does not know";
    throw failed(name, { code: "UNKNOWN", message, executed: true });
  }
  const { code, data } = value;
  throw new RpcError({
    kind: "app",
    method: name,
    code,
    data,
    maybeExecuted: true,
    message: `${name} failed with ${code}`,
  });
}

function misunderstood(error: unknown): Failure {
  if (error instanceof UnsafeInteger) return { code: "OUT_OF_RANGE", message: error.message, executed: true };
  const message = `the answer is not what this client expects: ${reason(error)}`;
  return { code: "INTERNAL", message, executed: true };
}

function isAppError(value: unknown): value is AppError {
  return typeof value === "object" && value !== null && typeof (value as AppError).code === "string";
}
