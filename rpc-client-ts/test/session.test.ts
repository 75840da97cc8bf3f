/**
 * What no connection of a test lives to see: the last ids of a session.
 */

import { expect, test } from "vitest";
import { json } from "../src/json.ts";
import { decode, OK } from "../src/protocol.ts";
import { type Outcome, type Request, Session } from "../src/session.ts";

function request(method: string, outcomes: Outcome[]): Request {
  return {
    method,
    params: undefined,
    oneway: false,
    timeout: Infinity,
    head: undefined,
    end: (outcome) => outcomes.push(outcome),
  };
}

test("when the ids are used up, calls wait, and the connection closes with 4440 once all are answered", () => {
  const last = Number.MAX_SAFE_INTEGER;
  const session = new Session(json, last - 4);
  const packets: unknown[] = [];
  session.attach({ send: (packet) => packets.push(packet), hasRoom: () => true }, {});
  const outcomes: Outcome[] = [];
  for (const method of ["a", "b", "c"]) session.call(request(method, outcomes));
  session.flush();
  expect(packets).toEqual([`[3,${last - 2},"a"]\n[3,${last},"b"]`]);
  session.handle(decode(json, `[5,${last},0,"b"]`));
  expect(outcomes.map(([kind]) => kind)).toEqual([OK]);
  expect(() => session.handle(decode(json, `[5,${last - 2},0,"a"]`))).toThrow(expect.objectContaining({ code: 4440 }));
  expect(outcomes.length).toBe(2);
});
