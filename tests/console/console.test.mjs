// The console as people meet it: in a browser, over a log made from real catalogues. `./run` starts it.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch, looks, open, said, settled, signIn } from './browser.mjs';
import { pagesOf } from './pages.mjs';
import { hostile, makeWorld, people, until } from './world.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = resolve(import.meta.dirname, '../../target/console-screenshots');

let world;
let browser;
let pages;
before(async () => {
  world = await makeWorld();
  pages = await pagesOf(world.api);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await world?.stop();
});

/** Runs a test in a window of its own, signed in, which must be without faults at its end. */
function within(name, { as = 'review', at = '/console/', ...options }, body) {
  test(name, async () => {
    const window = await open(browser, world.base, options);
    try {
      if (as) await signIn(window.page, world.keys[as], at);
      await body(window.page, window);
      assert.equal(window.faults.join('\n'), '');
    } finally {
      await window.context.close();
    }
  });
}

describe('signing in', () => {
  within('a wrong key is told so, and the right one leads to the page that was asked for', { as: null, expected: [400, 401, 403, 422] }, async (page) => {
    await page.goto('/console/generations?outcome=blocked');
    assert.match(page.url(), /\/console\/login\?next=/);
    await page.fill('input[name=key]', `crk_${'0'.repeat(40)}`);
    await page.press('input[name=key]', 'Enter');
    await page.getByRole('alert').waitFor();
    assert.match(page.url(), /\/console\/login/);
    await page.fill('input[name=key]', world.keys.review);
    await page.press('input[name=key]', 'Enter');
    await page.waitForURL(/\/console\/generations\?outcome=blocked/);
    await page.getByText(people.review).first().waitFor();
  });

  within('whoever signs out has to sign in again', {}, async (page) => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(/\/console\/login/);
    await page.goto('/console/generations');
    assert.match(page.url(), /\/console\/login/);
  });

  within('no script reads the cookie of a session', {}, async (page, { context }) => {
    const session = (await context.cookies()).find(({ name }) => name === 'copyrail_session');
    assert.deepEqual([session.httpOnly, session.sameSite], [true, 'Strict']);
    assert.doesNotMatch(await page.evaluate(() => document.cookie), /session/);
  });

  within('a key for pages of the shop opens nothing here', { as: null, expected: [400, 401, 403, 422] }, async (page) => {
    await page.goto('/console/');
    await page.fill('input[name=key]', world.keys.serve);
    await page.press('input[name=key]', 'Enter');
    await page.getByRole('alert').waitFor();
    await page.goto('/console/generations');
    assert.match(page.url(), /\/console\/login/);
  });
});

describe('every page', () => {
  /** What axe finds that keeps somebody from using the page. */
  const barriers = async (page) => {
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.slice(0, 3).map(({ target }) => target.join(' ')).join(' | ')}`);
  };

  /** What whoever goes through the page by the tab key cannot see. */
  const unseen = async (page) => {
    const lost = [];
    for (let n = 0; n < 14; n += 1) {
      await page.keyboard.press('Tab');
      const fault = await page.evaluate(() => {
        const here = document.activeElement;
        if (!here || here === document.body) return null;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(here);
        const seen = here.matches(':focus-visible') && ((outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none');
        return seen ? null : here.outerHTML.slice(0, 120);
      });
      if (fault) lost.push(fault);
    }
    return lost;
  };

  /** Goes through all pages in one look, and notes by page what is wrong. */
  async function audit(look, role, checks) {
    const { context, page, faults } = await open(browser, world.base, { look });
    await context.addInitScript({ content: axe });
    const wrong = [];
    try {
      await signIn(page, world.keys[role]);
      for (const { name, path } of pages) {
        const answer = await page.goto(path);
        await settled(page);
        const found = answer.ok() ? [] : [`answered with ${answer.status()}`];
        for (const check of checks) found.push(...await check(page, name));
        found.push(...faults.splice(0));
        wrong.push(...found.map((fault) => `${path}: ${fault}`));
      }
    } finally {
      await context.close();
    }
    assert.equal(wrong.join('\n'), '');
  }

  mkdirSync(pictures, { recursive: true });
  const picture = (look) => async (page, name) => {
    await page.screenshot({ path: join(pictures, `${name}-${look}.png`), fullPage: true });
    return [];
  };
  const narrow = async (page) => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    return width > looks.phone.viewport.width ? [`is ${width} px wide on a phone`] : [];
  };
  const named = async (page) => {
    const headings = await page.locator('h1').count();
    return headings === 1 ? [] : [`has ${headings} headings of the first level`];
  };

  test('light: no barrier, no fault, focus seen', () => audit('light', 'admin', [named, picture('light'), barriers, unseen]));
  test('dark: no barrier, no fault', () => audit('dark', 'admin', [picture('dark'), barriers]));
  test('on a phone: nothing is wider than the screen', () => audit('phone', 'admin', [narrow, picture('phone')]));
  test('as a reviewer', () => audit('light', 'review', [named, barriers]));
  test('as compliance', () => audit('light', 'compliance', [named, barriers]));

  within('is there without scripts, with its links and forms', { as: 'admin', javaScriptEnabled: false }, async (page) => {
    for (const { path } of pages) {
      const answer = await page.goto(path);
      assert.ok(answer.ok(), `${path}: ${answer.status()}`);
      assert.equal(await page.locator('h1').count(), 1, path);
      assert.ok(await page.locator('nav a[href="/console/approvals"]').isVisible(), path);
      // What only a script would send is there as a form or a link, too.
      const dead = await page.locator('button:not([type="submit"]):not([form]):visible').evaluateAll((buttons) =>
        buttons.filter((one) => (one.hasAttribute('hx-post') || one.hasAttribute('hx-get')) && !one.closest('form')).map((one) => one.textContent.trim()));
      assert.deepEqual(dead, [], path);
    }
  });

  test('names no other host and keeps its own rules for what it loads', async () => {
    const answer = await fetch(`${world.base}/console/login`);
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  });
});
