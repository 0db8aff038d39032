#!/usr/bin/env node
// How long a running service takes over each page of its console, in milliseconds as seen from here:
//
//   tests/console/times.mjs http://127.0.0.1:8080 crk_… [TIMES]
//
// The key is an admin's. Nothing is drawn and nothing but the pages themselves is asked for.

import { pagesOf } from './pages.mjs';

const [base, key, times = '30'] = process.argv.slice(2);
if (!base || !key) {
  console.error('times.mjs BASE KEY [TIMES]: the address of a service, a key of the role admin, how often each page is asked for');
  process.exit(2);
}

const api = async (_, method, path) => {
  const response = await fetch(base + path, { method, headers: { authorization: `Bearer ${key}` } });
  return response.ok ? response.json() : null;
};

const cookies = new Map();
const cookie = () => [...cookies].map((one) => one.join('=')).join('; ');
const keep = (response) => {
  for (const set of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
    cookies.set(name, value);
  }
};
const page = await fetch(`${base}/console/login`);
keep(page);
const csrf = /name="csrf" value="([^"]*)"/.exec(await page.text())?.[1] ?? '';
const signedIn = await fetch(`${base}/console/login`, {
  method: 'POST',
  redirect: 'manual',
  headers: { cookie: cookie(), origin: base },
  body: new URLSearchParams({ key, csrf, next: '/console/' }),
});
keep(signedIn);
if (signedIn.status !== 303) throw new Error(`nobody is signed in: ${signedIn.status}`);

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const ms = (number) => number.toFixed(1).padStart(9);
console.log(`${'page'.padEnd(26)}${'p50'.padStart(9)}${'p95'.padStart(9)}${'max'.padStart(9)}  KiB`);
for (const { name, path } of await pagesOf(api)) {
  const took = [];
  let [bytes, status] = [0, 0];
  for (let n = 0; n < Number(times); n += 1) {
    const began = performance.now();
    const response = await fetch(base + path, { headers: { cookie: cookie() }, redirect: 'manual' });
    bytes = (await response.arrayBuffer()).byteLength;
    took.push(performance.now() - began);
    status = response.status;
    keep(response);
  }
  took.sort((one, other) => one - other);
  const odd = status === 200 ? '' : `  answered ${status}`;
  console.log(`${name.padEnd(26)}${ms(at(took, 0.5))}${ms(at(took, 0.95))}${ms(took.at(-1))}  ${Math.round(bytes / 1024)}${odd}`);
}
