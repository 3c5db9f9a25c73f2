import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where Debian and its kin put it. */
const executablePath = '/usr/bin/chromium';

/** A page together with what went wrong on it, noted from before it was loaded. */
export interface WatchedPage {
  readonly page: Page;
  /** Requests that left `origin`, errors on the console, uncaught exceptions, breaches of the security policy. */
  readonly problems: string[];
}

/** One headless Chromium that sends no requests of its own; ends with `close`. */
export class ChromiumLauncher {
  private browser: Promise<Browser> | undefined;

  async open(origin: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    this.browser ??= chromium.launch({
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        // A name that is not this machine's to the browser, so that its pages have no secure origin.
        '--host-resolver-rules=MAP mcpo.test 127.0.0.1',
      ],
    });
    const context = await (await this.browser).newContext(options);
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== origin && url.protocol !== 'data:' && url.protocol !== 'blob:')
        problems.push(`request: ${request.url()}`);
    });
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
    page.on('dialog', (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return { page, problems };
  }

  async close(): Promise<void> {
    await (await this.browser)?.close();
  }
}
