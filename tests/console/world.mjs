// The shop that the tests look at: the executable on a store of its own, a simulated LLM that is told what to write for some
// products, and a log made by requests over real catalogues. Everything in it comes from the same seed.

import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** What a text can be that nobody wants on a page of theirs. */
export const hostile = {
  markup: 'Bright at night. <script>alert("run")</script><img src=x onerror=alert(1)> "><svg onload=alert(2)>',
  bidi: 'Made of ash \u202Eelpam ton dna\u202C and \u2066steel\u2069.\u200B\u0000',
  long: `${'Warm'.repeat(1500)} ${'light. '.repeat(600)}`.slice(0, 10_000),
};

/** The people of the shop, by the role of their keys. */
export const people = { serve: 'pages', review: 'Ines Okafor', compliance: 'Tom Varga', admin: 'Ada Brandt' };

/** The rule that somebody proposes. */
export const proposed = 'no-lifelong';

/** Polls until something comes of it; what is waited for here takes a second at most, unless it never comes. */
export async function until(what, made) {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((next) => setTimeout(next, 25))) {
    const value = await made();
    if (value) return value;
  }
  throw new Error(`waited in vain: ${what}`);
}

/** Numbers from 0 to below 1, always the same. */
function draws(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The catalogue: real products where the folder of real data is there, and the hostile ones. */
async function products(folder, wanted) {
  const sample = (await readFile(join(root, 'config/sample-catalogue.jsonl'), 'utf8')).trim().split('\n').map(JSON.parse);
  const data = [join(root, '../shared/data/catalogue_icecat_2000.jsonl'), join(root, '../shared/data/catalogue_luma.jsonl')];
  let real = [];
  if (wanted && data.every(existsSync)) {
    const [icecat, luma] = await Promise.all(data.map(async (file) => (await readFile(file, 'utf8')).trim().split('\n').map(JSON.parse)));
    real = [...luma.slice(0, 60), ...icecat.slice(0, 300)].map(({ product_id: id, price_cents: cents, price, ...facts }) => ({
      id, ...facts, price: price ?? cents / 100,
    }));
  } else if (wanted) {
    console.error('NOTE: ../shared/data is not here; the log is made from the sample catalogue alone');
  }
  const named = {
    markup: { id: 'x-markup', name: 'Parade <b onclick="alert(3)">lamp</b>' },
    bidi: { id: 'x-bidi', name: 'Mirror \u202Epmal' },
    long: { id: 'x-long', name: `Endless ${'lamp '.repeat(60)}`.trim() },
  };
  for (const product of Object.values(named)) Object.assign(product, { brand: 'Nobody', features: { light: 'warm' } });
  const all = [...sample, ...real, ...Object.values(named)];
  await writeFile(join(folder, 'catalogue.jsonl'), all.map((one) => JSON.stringify(one)).join('\n'));
  return { all, usual: [...sample, ...real.slice(0, 40)], named };
}

/** What the simulated LLM is told. */
const script = [
  { when: { contains: 'Parade ' }, do: { text: hostile.markup } },
  { when: { contains: 'Mirror ' }, do: { text: hostile.bidi } },
  { when: { contains: 'Endless ' }, do: { set: { '/choices/0/message/content': hostile.long } } },
  { when: { every: 9 }, do: { append: ' Guaranteed to last a lifetime.' } },
  { when: { every: 11 }, do: { invent_number: true } },
  { when: { every: 13 }, do: { append: ' An amazing find!' } },
];

/** A program that says on which address it serves. */
async function serving(exe, args, options) {
  const child = spawn(exe, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const told = { text: '' };
  const address = new Promise((found, failed) => {
    const read = (chunk) => {
      told.text += chunk;
      const at = /(?:serving|simulated LLM) on (http:\/\/[\d.:]+)/.exec(told.text);
      if (at) found(at[1]);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('exit', (code) => failed(new Error(`${args[0]} ended with ${code}: ${told.text}`)));
    child.once('error', failed);
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  };
  try {
    return { base: await address, told, stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Makes the shop and its log; with `real` products where they are there, else with those of the sample catalogue alone. */
export async function makeWorld({ exe = process.env.COPYRAIL ?? join(root, 'target/debug/copyrail'), real = true } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'copyrail-console-'));
  const ends = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    return { ...(await filled(resolve(root, exe), folder, ends, real)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function filled(exe, folder, ends, real) {
  for (const part of ['config', 'guardrails', 'prompts']) await cp(join(root, part), join(folder, part), { recursive: true });
  // One placement whose texts a person approves.
  const placement = join(folder, 'prompts/cta-subtext/placement.yml');
  await writeFile(placement, (await readFile(placement, 'utf8')).replace('mode: segment\n', 'mode: segment\napproval: true\n'));
  await writeFile(join(folder, 'script.json'), JSON.stringify(script));
  const { all, usual, named } = await products(folder, real);

  const llm = await serving(exe, ['simulate-llm', '--port', '0', '--script', 'script.json'], { cwd: folder });
  ends.push(llm.stop);
  const env = {
    PATH: process.env.PATH,
    COPYRAIL__LISTEN: '127.0.0.1:0',
    COPYRAIL__POLICY__APPROVALS: '1',
    COPYRAIL_LOG: 'info',
    NO_COLOR: '1',
    OPENAI_BASE_URL: `${llm.base}/v1`,
    OPENAI_MODEL: 'simulated',
  };
  const copyrail = async (...args) => (await run(exe, args, { cwd: folder, env })).stdout.trim();
  await copyrail('catalog', 'import', 'catalogue.jsonl');
  const keys = {};
  for (const [role, name] of Object.entries(people)) keys[role] = await copyrail('keys', 'new', '--role', role, '--name', name);
  const service = await serving(exe, ['serve'], { cwd: folder, env });
  ends.push(service.stop);

  const api = async (role, method, path, body) => {
    const response = await fetch(service.base + path, {
      method,
      headers: { authorization: `Bearer ${keys[role]}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  };
  const ask = (request) => api('serve', 'POST', '/v1/blurbs', { deadline_ms: 20_000, ...request });
  const world = { base: service.base, told: service.told, folder, keys, api, ask, all, usual, named };
  await live(world);
  return world;
}

/** A morning in the shop. */
async function live(world) {
  const { api, ask, folder, usual, named } = world;
  const draw = draws(20);
  const one = (list) => list[Math.floor(draw() * list.length)];
  for (let n = 0; n < 110; n += 1) {
    const who = Math.floor(draw() * 40);
    await ask({
      placement: one(['why-this', 'why-this', 'cta-subtext']),
      product: { id: one(usual).id },
      user: {
        id: `u-${who}`,
        attributes: { orders_90d: who % 5, discount_affinity: (who % 10) / 10, premium_affinity: ((who + 5) % 10) / 10, visits: who },
      },
      context: { locale: one(['en-GB', 'en-GB', 'de-DE']), device: one(['mobile', 'desktop']) },
      consent: { personalisation: who % 4 !== 0 },
    });
  }
  for (const { id } of Object.values(named)) {
    for (const placement of ['why-this', 'cta-subtext']) await ask({ placement, product: { id }, context: { locale: 'en-GB' } });
  }
  await api('compliance', 'POST', '/v1/stops', { phrase: 'best ever', reason: 'Complaint 17: nobody can prove it.' });
  await api('compliance', 'POST', '/v1/stops', { product: usual[2].id, reason: `Recalled. ${hostile.markup}` });
  const { items } = await api('review', 'GET', '/v1/generations?placement=why-this&outcome=passed&limit=30');
  const decided = ['approve', 'flag', 'note', 'reject'];
  for (const [at, { id }] of items.slice(20, 28).entries()) {
    const note = at % 2 ? 'Says more than the sheet does.' : hostile.markup;
    await api('review', 'POST', `/v1/generations/${id}/reviews`, { action: decided[at % 4], note });
  }
  // Somebody tightens a rule, which a second person must approve, and somebody else breaks a prompt.
  await appendFile(join(folder, 'guardrails/brand.yml'), `
  - id: ${proposed}
    extends: existence
    message: "'%s' promises more than anybody can keep."
    level: warning
    ignorecase: true
    tokens: ['for (?:a lifetime|life)']
    owner: brand@example.com
    examples:
      fail: [Good for life.]
      pass: [Good for a long walk.]
`);
  await appendFile(join(folder, 'prompts/why-this/default.prompty'), '\n{{ no_such_input }}\n');
  world.proposal = await until('the edit to be proposed', async () => {
    const { proposals = [] } = await api('compliance', 'GET', '/v1/policy/proposals').then((told) => (Array.isArray(told) ? { proposals: told } : told ?? {}));
    return proposals[0]?.hash;
  });
  await until('the edit to be refused', async () => (await api('compliance', 'GET', '/v1/policy')).refused.length);
}
