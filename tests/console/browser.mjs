// A browser that tells of everything that no page of the console may do.

import { chromium } from 'playwright-core';

/** Starts the browser. */
export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});

/** What a screen can be. */
export const looks = {
  light: { viewport: { width: 1360, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1360, height: 900 }, colorScheme: 'dark' },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: 'light', isMobile: true, hasTouch: true },
};

/**
 * A window of its own, without a session. `faults` fills with whatever a page did that it may not: errors and warnings of the
 * console, errors of scripts, requests to other hosts, dialogs. Answers of 4xx are told of by the browser as errors; those of
 * `expected` are meant.
 */
export async function open(browser, base, { look = 'light', expected = [], ...options } = {}) {
  const context = await browser.newContext({
    ...looks[look], reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'Europe/London', baseURL: base, ...options,
  });
  const faults = [];
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    const refused = /status of (\d+)/.exec(message.text());
    if (refused && expected.includes(Number(refused[1]))) return;
    faults.push(`${message.page()?.url()}: ${message.text()}`);
  });
  context.on('weberror', (error) => faults.push(`${error.page()?.url()}: ${error.error()}`));
  context.on('request', (request) => {
    const to = new URL(request.url());
    if (to.origin !== base && to.protocol !== 'data:') faults.push(`asked another host: ${to}`);
  });
  context.on('dialog', async (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  return { context, page, faults };
}

/** Signs in by the page for it, and comes to the page that was asked for. */
export async function signIn(page, key, path = '/console/') {
  await page.goto(path);
  await page.fill('input[name=key]', key);
  await page.press('input[name=key]', 'Enter');
  await page.waitForURL((url) => !url.pathname.endsWith('/login'));
}

/** Waits until a page and what it asked for are there. */
export async function settled(page) {
  await page.waitForLoadState('load');
  await page.waitForFunction(() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling'));
}

/** The text of the newest toast. */
export async function said(page, wanted) {
  const toast = page.locator('#said .toast');
  await toast.filter({ hasText: wanted }).waitFor();
  return toast.innerText();
}
