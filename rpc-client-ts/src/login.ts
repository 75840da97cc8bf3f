/**
 * The end of a login, and the refresh before it. It makes no calls itself, and knows no user.
 */

import type { RpcError } from "./error.ts";
import { after, type Timer } from "./timer.ts";

/** What a welcome, the answer to a login and the notice of its end say. */
export interface LoggedIn {
  readonly user?: string | undefined;
  /** When it ends, in milliseconds from now; absent if never. */
  readonly expires_ms?: number | undefined;
}

/**
 * What to tell that the login ends in `left` milliseconds. It is refreshed after `share` of them: unless set, soon, and not with all
 * others that were told at the same time. `NaN` stops it.
 */
export type Ending = (left: number | undefined, share?: number) => void;

/** Watches over a login. `refresh` renews it, where there may be another credential; `ended` is told that nobody has. */
export function watchLogin(refresh: (() => Promise<void>) | undefined, ended: () => void): Ending {
  let end: number;
  let timer: Timer;
  const tick = async () => {
    const known = end;
    let pause = end - performance.now();
    if (pause <= 0) return ended();
    try {
      if (refresh) return await refresh();
    } catch (error) {
      console.warn(error);
      const { code, retryAfterMs = 1000 } = error as RpcError;
      if (!FINAL.test(code)) pause = Math.min(pause, retryAfterMs);
    }
    // Somebody may have logged in meanwhile, or closed the connection.
    if (known === end) timer = after(pause + 1, tick);
  };
  return (left = Infinity, share = Math.random() / 4) => {
    clearTimeout(timer);
    end = performance.now() + left;
    timer = after(left * share, tick);
  };
}

/** With which codes it does not help to try again. What fails without a code is the fetching of the credential. */
const FINAL = /^(UNAUTH|PERM|INVALID|UNIM)/;
