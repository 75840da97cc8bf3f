/**
 * Timers that may be set to any time: `setTimeout` fires at once if it is given more than 2^31 − 1 milliseconds.
 */

export type Timer = ReturnType<typeof setTimeout> | undefined;

/** The longest time that a timer can take, in milliseconds: more than 24 days. */
export const MAX_TIMER: number = 2 ** 31 - 1;

/** Calls `act` after `ms` milliseconds or {@link MAX_TIMER}; never if `ms` is infinite. */
export function after(ms: number, act: () => void): Timer {
  return ms < Infinity ? setTimeout(act, Math.min(ms, MAX_TIMER)) : undefined;
}
