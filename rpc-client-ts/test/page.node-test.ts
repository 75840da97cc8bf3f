/**
 * The page of the quickstart, as a visitor has it: the example itself serves it, and a real Chromium opens it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHROMIUM_ARGS, CHROMIUM_PATH } from "./server/chromium.ts";

let server: ChildProcess;
let browser: Browser;
let url: string;

beforeAll(async () => {
  const program = process.env.TRUNKLINE_QUICKSTART;
  if (!program) throw new Error("TRUNKLINE_QUICKSTART is not set: run `cargo xtask test typescript`");
  server = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout as NodeJS.ReadableStream })) {
    url = /open (http:\S+)/.exec(line)?.[1] ?? "";
    if (url) break;
  }
  browser = await chromium.launch({ executablePath: CHROMIUM_PATH, args: [...CHROMIUM_ARGS] });
});

afterAll(async () => {
  await browser?.close();
  server?.kill();
});

async function visit(): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(url);
  return page;
}

async function enter(page: Page, name: string, room: string): Promise<void> {
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room").fill(room);
  await page.getByRole("button", { name: "Enter" }).click();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

test("what is said shows live in the other tab, and is still there when that is loaded again", async () => {
  const [dora, ben] = [await visit(), await visit()];
  await dora.getByText("not connected", { exact: true }).waitFor();
  await enter(dora, "dora", "kitchen");
  await enter(ben, "ben", "kitchen");
  await dora.getByText("open as dora", { exact: true }).waitFor();
  await expect.poll(() => ben.getByRole("button", { name: "Send" }).isEnabled()).toBe(true);
  const heard = (page: Page) => page.getByRole("listitem").allTextContents();
  await say(dora, "is there coffee?");
  await ben.getByRole("listitem").filter({ hasText: "dorais there coffee?" }).waitFor();
  await say(ben, "in a minute");
  await dora.getByRole("listitem").filter({ hasText: "benin a minute" }).waitFor();
  const said = ["dorais there coffee?", "benin a minute"];
  expect([await heard(dora), await heard(ben)]).toEqual([said, said]);

  await ben.reload();
  await ben.getByRole("listitem").nth(1).waitFor();
  expect(await heard(ben)).toEqual(said);
  await say(dora, "thanks");
  await ben.getByRole("listitem").filter({ hasText: "dorathanks" }).waitFor();
  expect(await heard(ben)).toEqual([...said, "dorathanks"]);
});

test("a typed error shows as its own case", async () => {
  const page = await visit();
  await enter(page, "ann", "lobby");
  await say(page, "anybody?");
  await page.getByRole("listitem").first().waitFor();
  await enter(page, "ann", "attic");
  await page.getByRole("alert").filter({ hasText: "There is no room called attic." }).waitFor();
  expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
  // What was said elsewhere is not shown as this room's.
  await expect.poll(() => page.getByRole("listitem").count()).toBe(0);
});

test("a rate limit says when to come back", async () => {
  const page = await visit();
  await enter(page, "carl", "lobby");
  await page.getByText("open as carl", { exact: true }).waitFor();
  await page.getByLabel("Message").fill("once more");
  // All in one turn, and so in one packet: no pause of the page can make room for more.
  const send = page.getByRole("button", { name: "Send" });
  await expect.poll(() => send.isEnabled()).toBe(true);
  await send.evaluate((button) => {
    for (let i = 0; i < 10; i++) (button as unknown as { click(): void }).click();
  });
  await page
    .getByRole("alert")
    .filter({ hasText: /Not so fast: again in \d\.\d s\./ })
    .waitFor();
});
