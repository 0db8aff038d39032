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
      assert.ok(await page.locator('.nav nav a[href="/console/approvals"]').isVisible(), path);
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

describe('searching', () => {
  within('generations by words, from the keyboard, into an address that can be sent to somebody', { at: '/console/generations?outcome=passed' }, async (page, { context }) => {
    const texts = (where) => where.locator('[data-row] .text').allInnerTexts();
    const [first] = await texts(page);
    const word = first.match(/\p{L}{4,}/gu).toSorted((one, other) => other.length - one.length)[0];
    await page.keyboard.press('/');
    await page.keyboard.type(word);
    await page.keyboard.press('Enter');
    await page.waitForURL(/words=/);
    await page.locator('[data-row]').first().waitFor();
    const found = await texts(page);
    assert.ok(found.includes(first), `${word}: ${found.join('\n')}`);
    const other = await context.newPage();
    await other.goto(page.url());
    await other.locator('[data-row]').first().waitFor();
    assert.deepEqual(await texts(other), found);
  });

  within('nothing found says how to find more', { at: '/console/generations?product=no-such-product' }, async (page) => {
    await page.locator('.empty').waitFor();
    assert.equal(await page.locator('[data-row]').count(), 0);
  });
});

/** The row that is marked. */
const marked = (page) => page.locator('[data-row][aria-selected="true"]');

describe('reviewing', () => {
  within('by keyboard: j k a r f u ? enter', { at: '/console/generations?placement=why-this&outcome=passed' }, async (page) => {
    await page.keyboard.press('j');
    const first = await marked(page).getAttribute('data-id');
    await page.keyboard.press('j');
    const second = await marked(page).getAttribute('data-id');
    assert.notEqual(first, second);
    await page.keyboard.press('k');
    assert.equal(await marked(page).getAttribute('data-id'), first);
    await page.locator('#beside .copy').first().waitFor();

    const decided = async (id) => {
      const { reviews = [] } = await world.api('review', 'GET', `/v1/generations/${id}`);
      return reviews.at(-1)?.action;
    };
    await page.keyboard.press('a');
    await said(page, /approved/i);
    assert.equal(await decided(first), 'approve');
    // The next one is marked by itself, and what was done can be undone from the toast.
    await page.waitForFunction((id) => document.querySelector('[data-row][aria-selected="true"]')?.dataset.id === id, second);
    await page.locator('#said button', { hasText: 'Undo' }).click();
    await until('the approval to be undone', async () => (await decided(first)) === 'undo');

    await page.locator(`[data-row][data-id="${second}"] a.text`).focus();
    await page.keyboard.press('f');
    await said(page, /flag/i);
    assert.equal(await decided(second), 'flag');
    const third = await until('the next row', () => marked(page).getAttribute('data-id'));
    await page.keyboard.press('r');
    await said(page, /reject/i);
    await until('the rejection', async () => (await decided(third)) === 'reject' || (await decided(first)) === 'reject' || (await decided(second)) === 'reject');

    await page.keyboard.press('?');
    const keys = page.locator('#keys[open]');
    await keys.waitFor();
    assert.match(await keys.innerText(), /Approve[\s\S]*Reject|Reject[\s\S]*Approve/);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/console\/generations\/[0-9a-f-]{36}/);
  });

  within('a takedown asks first, and pages get other copy at once', {}, async (page) => {
    const question = (product) => ({ placement: 'why-this', product: { id: product }, context: { locale: 'en-GB' } });
    let request;
    let shown;
    for (const { id } of world.usual) {
      request = question(id);
      shown = await world.ask(request);
      if (shown.ai_generated) break;
    }
    assert.ok(shown.ai_generated, 'nothing that a model wrote is shown');
    await page.goto(`/console/generations/${shown.generation_id}`);
    await page.keyboard.press('t');
    const dialog = page.locator('#ask[open]');
    await dialog.waitFor();
    assert.match(await dialog.innerText(), /take this text down|every page|\?/i);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.equal((await world.ask(request)).text, shown.text);
    await page.keyboard.press('t');
    await page.locator('#ask[open] button[value="yes"]').click();
    await said(page, /taken down/i);
    assert.notEqual((await world.ask(request)).text, shown.text);
  });

  within('what a person edited is judged as they type, and shown once it passes', {}, async (page) => {
    const request = { placement: 'cta-subtext', product: { id: world.usual[4].id }, context: { locale: 'en-GB' } };
    assert.equal((await world.ask(request)).reason, 'awaiting_approval');
    const query = `placement=cta-subtext&segment=default&outcome=passed&product=${encodeURIComponent(world.usual[4].id)}`;
    const { items } = await world.api('review', 'GET', `/v1/generations?${query}`);
    await page.goto(`/console/generations/${items[0].id}/edit`);
    const text = page.locator('textarea[name=text]');
    await text.fill('Guaranteed to last a lifetime!');
    await page.locator('#edit-findings .badge.block').first().waitFor();
    await text.fill('Made for slow mornings.');
    await page.locator('#edit-findings .badge.pass').first().waitFor();
    await page.getByRole('button', { name: 'Approve this text' }).click();
    await until('the edited text to be shown', async () => (await world.ask(request)).text === 'Made for slow mornings.');
  });

  within('the queue: one decision after the other', { at: '/console/approvals' }, async (page) => {
    const decided = async () => Number(/([\d,]+) decided today/.exec(await page.locator('#progress').innerText())?.[1] ?? 0);
    const [began, text] = [await decided(), await page.locator('#item article').innerText()];
    await page.keyboard.press('a');
    await page.waitForFunction((text) => document.querySelector('#item article')?.innerText !== text, text);
    await until('the approval to count', async () => (await decided()) > began);
    const then = await decided();
    await page.keyboard.press('r');
    await until('the rejection to count', async () => (await decided()) > then);
  });

  within('works without scripts: a form, and back to the page', { javaScriptEnabled: false }, async (page) => {
    const { items } = await world.api('review', 'GET', '/v1/generations?placement=why-this&outcome=passed&limit=20');
    await page.goto(`/console/generations/${items.at(-1).id}`);
    await page.getByRole('button', { name: /^Flag/ }).first().click();
    await page.waitForURL(new RegExp(items.at(-1).id));
    const { reviews } = await world.api('review', 'GET', `/v1/generations/${items.at(-1).id}`);
    assert.equal(reviews.at(-1).action, 'flag');
  });

  within('compliance sees no prompt and decides on no text', { as: 'compliance', expected: [403] }, async (page) => {
    const { items } = await world.api('review', 'GET', '/v1/generations?placement=why-this&outcome=passed&limit=1');
    await page.goto(`/console/generations/${items[0].id}`);
    assert.equal(await page.locator('[data-key="a"], [data-key="r"], [data-key="t"], [data-key="e"]').count(), 0);
    assert.doesNotMatch(await page.locator('main').innerText(), /You write short product copy/);
    const sent = await page.evaluate(async (id) => {
      const headers = { ...JSON.parse(document.body.getAttribute('hx-headers')), 'content-type': 'application/x-www-form-urlencoded' };
      return (await fetch(`/console/generations/${id}/reviews`, { method: 'POST', headers, body: 'action=approve' })).status;
    }, items[0].id);
    assert.equal(sent, 403);
  });
});

describe('a hostile text', () => {
  for (const look of ['light', 'phone']) {
    within(`is shown as it is and does nothing (${look})`, { look }, async (page) => {
      for (const product of ['x-markup', 'x-bidi', 'x-long']) {
        const { items } = await world.api('review', 'GET', `/v1/generations?product=${product}`);
        assert.ok(items.length > 0, product);
        for (const path of [`/console/generations/${items[0].id}`, `/console/generations?product=${product}`]) {
          await page.goto(path);
          await settled(page);
          const made = await page.locator('main script, main img, main svg[onload], main [onclick], main [onerror], .copy b').count();
          assert.equal(made, 0, path);
          const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
          assert.ok(width[0] <= width[1], `${path}: ${width}`);
          // What turns the direction of writing round is told, and turns nothing round.
          const raw = await page.locator('main').innerText();
          assert.equal(/.{0,60}[\u202a-\u202e\u2066-\u2069\u200b].{0,20}/.exec(raw)?.[0], undefined, path);
        }
      }
    });
  }

  within('stands there word for word', {}, async (page) => {
    const { items } = await world.api('review', 'GET', '/v1/generations?product=x-markup&placement=why-this');
    await page.goto(`/console/generations/${items[0].id}`);
    const text = (await page.locator('main').innerText()).replaceAll(/\d\n|\n/g, ' ');
    assert.match(text, /<script>/);
    assert.ok(hostile.markup.startsWith('Bright at night.') && text.includes('Bright at night.'));
  });
});

describe('try it', () => {
  within('a product by its name, its copy written, any text judged', { as: 'review', at: '/console/try' }, async (page) => {
    await page.locator('input[name=product]').pressSequentially('desk lamp');
    await page.waitForFunction(() => document.querySelector('#products option[value="lt-104"]'));
    await page.fill('input[name=product]', 'lt-104');
    await page.selectOption('select[name=placement]', 'why-this');
    await page.locator('#shown').waitFor();
    await page.waitForURL(/product=lt-104/);
    assert.match(await page.locator('#tried').innerText(), /Harbour Three desk lamp/);

    await page.fill('textarea[name=text]', 'An amazing lamp of 9,000 lumens with a cable of 1.8 m.');
    await page.locator('#judged mark.block').first().waitFor();
    assert.match(await page.locator('#judged').innerText(), /brand\.hype[\s\S]*compliance\.figures/);
    await page.locator('#judged mark.pass', { hasText: '1.8 m' }).waitFor();

    const serves = async () => (await world.api('review', 'GET', '/v1/serves?product=lt-104&limit=100')).items.length;
    const before = await serves();
    const write = page.getByRole('button', { name: 'Have it written' });
    if (await write.count()) {
      await write.click();
      await page.locator('#said .toast').waitFor();
      await page.locator('#shown a[href^="/console/generations/"]').first().waitFor();
    }
    assert.equal(await serves(), before);
  });

  within('says in its address what is tried, and nothing of a pasted text', { as: 'admin', at: '/console/try?placement=why-this&product=lt-104&consent=yes&user.orders_90d=2&user.discount_affinity=0.8' }, async (page) => {
    assert.match(await page.locator('#tried').innerText(), /Bargain hunters/);
    await page.fill('textarea[name=text]', 'Quiet words.');
    await page.locator('#judged .badge').waitFor();
    assert.doesNotMatch(page.url(), /Quiet/);
  });
});
