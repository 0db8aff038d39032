#!/usr/bin/env node
// Makes the README's pictures anew, from the shop that the tests look at with the sample catalogue alone.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { launch, open, settled, signIn } from './browser.mjs';
import { makeWorld } from './world.mjs';

const folder = join(import.meta.dirname, 'screenshots');
await mkdir(folder, { recursive: true });
const world = await makeWorld({ real: false });
const browser = await launch();
try {
  const { page } = await open(browser, world.base, { viewport: { width: 1180, height: 720 } });
  await signIn(page, world.keys.review);
  const caught = await world.api('review', 'GET', '/v1/generations?rule=compliance.figures&placement=why-this&outcome=blocked&locale=en&limit=50');
  const { id } = caught.items.find(({ product }) => world.usual.some((one) => one.id === product));
  for (const [name, path] of [['approvals', '/console/approvals'], ['generation', `/console/generations/${id}`]]) {
    await page.goto(path);
    await settled(page);
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }
} finally {
  await browser.close();
  await world.stop();
}
