// What pages do by keyboard, and what they say. Pages work without it: every key presses a link or a button that is there.
//
//   data-row            an entry of a list; j and k move among them, enter opens its first link
//   data-key="a"        pressed by that key, within the marked entry or else on the page; its label is what ? says of it
//   data-mark           around rows: a click marks one, a second click on its link follows it
//   data-confirm="…"    asks first, in that sentence
//   data-confirm-from   likewise, in a sentence that is fetched from that address
//   data-copy="…"       copies that
//   data-refresh="30"   asks for itself anew every so many seconds (hx-trigger="refresh") while somebody can see it; when that
//                       fails, what it marks data-stale says so
//   hx-…                htmx; a response's header `hx-trigger: {"said": {text, undo}}` shows the text, with undo
(() => {
  'use strict';
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`copyrail_zone=${encodeURIComponent(zone)}`)) {
    document.cookie = `copyrail_zone=${encodeURIComponent(zone)}; path=/console; max-age=31536000; samesite=strict`;
  }

  const rows = () => [...document.querySelectorAll('[data-row]')].filter((row) => row.offsetParent !== null);
  const marked = () => document.querySelector('[data-row][aria-selected="true"]');
  const mark = (row) => {
    if (!row) return;
    marked()?.setAttribute('aria-selected', 'false');
    row.setAttribute('aria-selected', 'true');
    row.scrollIntoView({ block: 'nearest' });
    const link = row.querySelector('a, button');
    (link ?? row).focus({ preventScroll: true });
    row.dispatchEvent(new CustomEvent('marked', { bubbles: true }));
  };
  const move = (by) => {
    const all = rows();
    const at = all.indexOf(marked());
    mark(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
  };
  const target = (key) => {
    const wanted = `[data-key="${CSS.escape(key)}"]:not([disabled])`;
    const seen = (element) => element && element.offsetParent !== null;
    const within = marked()?.querySelector(wanted);
    return seen(within) ? within : [...document.querySelectorAll(wanted)].find(seen);
  };
  let clicked = null;
  const writes = (element) => element.closest('input, textarea, select, [contenteditable]') !== null;

  document.addEventListener('focusin', ({ target: element }) => {
    const row = element.closest('[data-row]');
    if (row && row !== marked()) {
      marked()?.setAttribute('aria-selected', 'false');
      row.setAttribute('aria-selected', 'true');
      row.dispatchEvent(new CustomEvent('marked', { bubbles: true }));
    }
  });

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (writes(event.target)) {
      if (event.key === 'Escape') event.target.blur();
      return;
    }
    const { key } = event;
    if (key === '?') showKeys();
    else if (key === '/') {
      const search = document.querySelector('[data-search]');
      if (!search) return;
      search.focus();
    } else if (key === 'j' || (key === 'ArrowDown' && marked())) move(1);
    else if (key === 'k' || (key === 'ArrowUp' && marked())) move(-1);
    else {
      // A key that is held, or pressed again before the answer is there, decides nothing more.
      if (event.repeat || document.querySelector('.htmx-request [data-key], .htmx-request[data-key]')) return;
      const found = key.length === 1 ? target(key) : null;
      if (!found && key === 'u' && say.undo) return say.undo();
      if (!found) return;
      found.click();
      if (found.matches('input, textarea')) found.focus();
    }
    event.preventDefault();
  });

  const showKeys = () => {
    const dialog = document.getElementById('keys');
    const list = dialog.querySelector('dl');
    const known = new Map();
    if (rows().length) known.set('j  k', 'Next, previous').set('enter', 'Open');
    if (document.querySelector('[data-search]')) known.set('/', 'Search');
    for (const element of document.querySelectorAll('[data-key]')) {
      const said = element.getAttribute('aria-label') ?? element.dataset.says ?? element.textContent;
      if (!known.has(element.dataset.key)) known.set(element.dataset.key, said.replace(/\s+/g, ' ').trim());
    }
    known.set('?', 'Show these keys');
    list.replaceChildren(...[...known].flatMap(([key, says]) => {
      const term = document.createElement('dt');
      for (const one of key.split('  ')) {
        const shown = document.createElement('kbd');
        shown.textContent = one;
        term.append(shown, ' ');
      }
      const meaning = document.createElement('dd');
      meaning.textContent = says.replace(new RegExp(`\\s${CSS.escape(key)}$`), '');
      return [term, meaning];
    }));
    dialog.showModal();
  };

  // What cannot be undone asks first.
  const ask = (sentence) => new Promise((answer) => {
    const dialog = document.getElementById('ask');
    document.getElementById('ask-text').textContent = sentence;
    dialog.returnValue = 'no';
    dialog.addEventListener('close', () => answer(dialog.returnValue === 'yes'), { once: true });
    dialog.showModal();
  });
  const fetched = async (address) => {
    const response = await fetch(address, { headers: { 'hx-request': 'true' } });
    const told = new DOMParser().parseFromString(await response.text(), 'text/html').body.textContent.trim();
    if (!response.ok) throw new Error(told);
    return told;
  };
  document.addEventListener('htmx:confirm', (event) => {
    // Of several buttons in a form the one that asks sends by itself: once a dialog took the focus, nobody knows which it was.
    const { elt, issueRequest } = event.detail;
    const { confirm: sentence, confirmFrom } = elt.dataset;
    if (!sentence && !confirmFrom) return;
    event.preventDefault();
    (sentence ? Promise.resolve(sentence) : fetched(confirmFrom))
      .then(ask)
      .then((yes) => yes && issueRequest(true))
      .catch((error) => say(error.message || 'The service does not answer. Nothing was changed.'));
  });
  document.addEventListener('submit', (event) => {
    const form = event.target;
    const sentence = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!sentence || form.matches('[hx-post]') || form.dataset.asked) return;
    event.preventDefault();
    ask(sentence).then((yes) => {
      if (!yes) return;
      form.dataset.asked = 'yes';
      form.requestSubmit(event.submitter);
    });
  });

  const say = (text, undo) => {
    // Until something else is done, `u` takes it back, whether its words still stand there or not.
    if (undo !== undefined) say.undo = null;
    const toast = document.createElement('div');
    toast.className = 'toast';
    toast.append(text);
    if (undo) {
      const button = document.createElement('button');
      button.type = 'button';
      button.dataset.key = 'u';
      button.textContent = 'Undo';
      say.undo = () => {
        say.undo = null;
        toast.remove();
        htmx.ajax('POST', undo, { target: 'body', swap: 'none', headers: JSON.parse(document.body.getAttribute('hx-headers')) });
      };
      button.addEventListener('click', () => say.undo?.());
      toast.append(button);
    }
    const said = document.getElementById('said');
    said.replaceChildren(toast);
    clearTimeout(say.timer);
    say.timer = setTimeout(() => toast.remove(), undo ? 15000 : 6000);
  };
  // Once the marked entry is decided on, the next one is marked; where it was the last, it stays marked as it comes anew.
  document.addEventListener('reviewed', ({ detail }) => {
    const row = marked();
    if (detail.action === 'undo' || row?.dataset.id !== detail.id) return;
    const all = rows();
    mark(all[all.indexOf(row) + 1]);
  });
  document.addEventListener('htmx:load', ({ detail: { elt } }) => {
    if (elt.matches?.('[data-row]') && !marked()) mark(elt);
  });
  document.addEventListener('said', ({ detail }) => say(detail.text, detail.undo));
  const stale = (element) => {
    if (!element?.dataset?.refresh) return false;
    for (const said of element.querySelectorAll('[data-stale]')) said.hidden = false;
    return true;
  };
  document.addEventListener('htmx:responseError', ({ detail }) => {
    if (stale(detail.elt)) return;
    const told = new DOMParser().parseFromString(detail.xhr.responseText, 'text/html').body.textContent.trim();
    say(told || 'The service did not do this. Load the page again.');
  });
  document.addEventListener('htmx:sendError', ({ detail }) => stale(detail.elt) || say('The service does not answer. Nothing was changed.'));

  document.addEventListener('click', (event) => {
    const row = event.target.closest('[data-mark] [data-row]');
    const pressed = event.target.closest('a, button, input, label, summary');
    if (row && row !== clicked && (!pressed || pressed.matches('.text')) && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.detail > 0) {
      event.preventDefault();
      mark(row);
    }
    clicked = row;
    if (event.target.closest('[data-keys]')) showKeys();
    const copied = event.target.closest('[data-copy]');
    if (copied) navigator.clipboard?.writeText(copied.dataset.copy).then(() => say(`Copied ${copied.dataset.copy}`));
  });

  // What refreshes itself does so while it is seen, and leaves open what was opened.
  let refreshed = Date.now();
  const refresh = () => {
    const element = document.querySelector('[data-refresh]');
    if (!element || document.hidden || Date.now() - refreshed < element.dataset.refresh * 1000) return;
    refreshed = Date.now();
    htmx.trigger(element, 'refresh');
  };
  setInterval(refresh, 1000);
  document.addEventListener('visibilitychange', refresh);
  let opened = [];
  const all = (element) => [...element.querySelectorAll('details')];
  document.addEventListener('htmx:beforeSwap', ({ detail: { target } }) => {
    if (target?.dataset?.refresh) opened = all(target).map((details) => details.open);
  });
  document.addEventListener('htmx:afterSettle', () => {
    const element = document.querySelector('[data-refresh]');
    if (element) opened.forEach((open, at) => open && all(element)[at]?.setAttribute('open', ''));
    opened = [];
  });
})();
