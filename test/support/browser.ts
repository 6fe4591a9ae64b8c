/** A browser that tests drive. */
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { CHROMIUM } from "./chromium.js";

export interface OpenedPage {
  readonly page: Page;
  /** Addresses that the page asked for, wherever they are; those elsewhere were not answered. */
  readonly requests: readonly string[];
  /** Its errors, and what it wrote to the console. */
  readonly complaints: readonly string[];
}

export interface TestBrowser {
  /** Opens the server's page in a window of its own until the test ends. */
  open(options?: BrowserContextOptions): Promise<OpenedPage>;
  close(): Promise<void>;
}

/** A browser for which there is one server and no other network. */
export async function browserFor(server: string): Promise<TestBrowser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  return {
    async open(options) {
      const context = await browser.newContext(options);
      onTestFinished(() => context.close());
      const requests: string[] = [];
      const complaints: string[] = [];
      const isElsewhere = (url: URL) => !url.href.startsWith(server);
      await context.route(isElsewhere, (route) => route.abort());
      const page = await context.newPage();
      page.on("request", (request) => void requests.push(request.url()));
      page.on("console", (message) => void complaints.push(message.text()));
      page.on("pageerror", (error) => void complaints.push(error.message));
      await page.goto(server);
      return { page, requests, complaints };
    },
    close: () => browser.close(),
  };
}
