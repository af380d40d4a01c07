// API keys: list, create, revoke.

import { alerts } from '../lib/alerts.js';
import { call } from '../lib/api.js';
import { away, busy, byId, el, isObject, partsOf, relative, say, shellQuoted } from '../lib/dom.js';
import { attemptKey } from '../lib/secrets.js';
import { permissionsOf, session } from '../lib/session.js';
import { copies } from '../lib/text.js';

export const keysPanel = {
  id: 'keys',
  place: 'main',
  title: 'API keys',

  mount(body, { onLimit }) {
    const part = partsOf(body);
    const path = '/api/auth/api-keys';
    const list = byId('keys');
    const name = byId('key-name');
    const days = byId('key-days');
    const scopes = byId('key-scopes');
    const newKey = byId('new-key');
    const curl = byId('key-curl');
    let user = null; // whose keys these are
    let keys = null; // as last listed, newest first; null before that
    let loading = 0; // the number of the listing under way, or 0
    let listings = 0;
    let attempt = null; // {idempotencyKey, wish} of a creation that has not succeeded yet
    const gone = (of) => session.current?.user?.id !== of; // logged out, or somebody else, meanwhile

    const draw = () => {
      list.replaceChildren(...keys.map((key) => this.row(key, revoke)));
      list.hidden = keys.length === 0;
      part.state.textContent = keys.length
        ? 'Uses are noted once an hour.'
        : 'No keys yet. A key lets a program in without your password, to do no more than you tick.';
    };

    const load = async () => {
      const of = user;
      const number = loading = ++listings;
      try {
        const answer = await call('GET', path, { onLimit });
        if (number !== loading || gone(of)) return; // a later one is under way
        keys = (Array.isArray(answer?.keys) ? answer.keys.filter(isObject) : [])
          .sort((a, b) => String(b.createdAt).localeCompare(String(a.createdAt)));
        draw();
      } catch (error) {
        if (number !== loading || gone(of)) return;
        if (!keys) part.state.textContent = 'Your keys could not be listed.';
        alerts.show(error);
      } finally {
        if (number === loading) loading = 0;
      }
    };
    part.again.addEventListener('click', () => busy(part.again, 'checking…', () => { alerts.clear(); return load(); }));

    /** The list after a change that the server has confirmed; a listing from before it may not overwrite it. */
    const changed = (next) => {
      if (keys) {
        keys = next(keys);
        draw();
      }
      if (loading || !keys) load();
    };

    const revoke = (key, button) => busy(button, 'Revoking…', async () => {
      alerts.clear();
      const of = user;
      try {
        await call('DELETE', `${path}/${encodeURIComponent(key.id)}`, { onLimit });
      } catch (error) {
        // Somebody revoked it already, in another tab say: what was wanted is so.
        if (error.status !== 404) {
          if (!gone(of)) alerts.show(error);
          return;
        }
      }
      if (gone(of)) return;
      changed((all) => all.filter(({ id }) => id !== key.id));
      say('The key is revoked.');
      byId('keys-title').focus({ preventScroll: true });
    });

    const drawScopes = (permissions) => {
      scopes.replaceChildren(...permissions.map((permission, n) => el('label', { class: 'choice', for: `key-scope-${n}` },
        el('input', { type: 'checkbox', id: `key-scope-${n}`, value: permission, checked: permission === 'ai:use_openai' }), el('code', {}, permission))));
    };
    const boxes = () => [...scopes.querySelectorAll('input')];

    /** The form, or in its place the new key. Whatever was there of a key before is gone. */
    const showMade = (made) => {
      part.ask.hidden = Boolean(made);
      part.made.hidden = !made;
      newKey.textContent = made?.key ?? '';
      part['made-name'].textContent = made ? `${made.name} is ready.` : '';
      curl.replaceChildren();
      if (!made) return;
      const forms = made.scopes?.includes('ai:use_openai');
      curl.append("KEY='", el('span', { class: 'secret', 'data-masked': true }, 'aura_••••••••'), "'\n",
        `curl -sS ${shellQuoted(`${location.origin}${forms ? '/api/ai/generate-form' : '/api/auth/verify'}`)} \\\n`,
        '  -H "authorization: Bearer $KEY"',
        forms ? ` \\\n  -H 'content-type: application/json' \\\n  --data-raw ${shellQuoted(JSON.stringify({ context: 'A login form' }))}\n` : '\n');
    };
    const unmask = () => {
      const mask = curl.querySelector('[data-masked]');
      if (!mask) return;
      mask.textContent = newKey.textContent;
      mask.removeAttribute('data-masked');
    };
    copies(byId('copy-key'), () => { unmask(); return newKey; });
    copies(byId('copy-key-curl'), () => { unmask(); return curl; });
    byId('key-kept').addEventListener('click', () => { showMade(null); name.focus({ preventScroll: true }); });

    const reset = () => {
      attempt = null;
      part.ask.reset();
      name.setCustomValidity('');
      boxes()[0]?.setCustomValidity('');
    };
    part.ask.addEventListener('input', () => { name.setCustomValidity(''); boxes()[0]?.setCustomValidity(''); });

    part.ask.addEventListener('submit', (event) => {
      event.preventDefault();
      const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
      name.setCustomValidity(name.value.trim() ? '' : 'Please name the key.');
      boxes()[0]?.setCustomValidity(chosen.length ? '' : 'Please tick at least one.');
      if (!part.ask.reportValidity()) return;
      busy(byId('create-key'), 'Creating…', async () => {
        alerts.clear();
        const of = user;
        const wish = JSON.stringify({ name: name.value.trim(), scopes: chosen, expiresInDays: Number(days.value) });
        // The same wish again is the same attempt: should its answer have been lost, the server repeats it instead of
        // making a second key.
        if (attempt?.wish !== wish) attempt = { wish, idempotencyKey: attemptKey() };
        try {
          const made = await call('POST', path, { body: JSON.parse(wish), onLimit, idempotencyKey: attempt.idempotencyKey });
          if (gone(of)) return;
          const { key, ...listed } = made;
          reset();
          showMade(made);
          changed((all) => [listed, ...all.filter(({ id }) => id !== listed.id)]);
          say('The key is ready. It is shown this once.');
          part['made-title'].focus();
        } catch (error) {
          if (!gone(of)) alerts.show(error);
        }
      });
    });

    setInterval(() => {
      for (const time of list.querySelectorAll('time')) time.textContent = away(new Date(time.dateTime));
    }, 60_000);

    let offered = '';
    return {
      // Also told of every renewed token; only another user is news, or other permissions.
      session(now) {
        body.closest('.panel').hidden = !now;
        const permissions = permissionsOf(now);
        if (offered !== JSON.stringify(permissions)) {
          offered = JSON.stringify(permissions);
          drawScopes(permissions);
        }
        const next = now?.user?.id ?? null;
        if (next === user) return;
        user = next;
        keys = null;
        loading = 0;
        list.replaceChildren();
        list.hidden = true;
        part.state.textContent = 'Asking for your keys…';
        reset();
        showMade(null);
        if (user) load();
      },
    };
  },

  /** One key of the list. Revoking asks once more, in place. */
  row(key, revoke) {
    const title = String(key.name ?? key.id);
    const start = el('button', { type: 'button', class: 'compact', 'aria-label': `Revoke ${title}` }, 'Revoke');
    const scopes = Array.isArray(key.scopes) ? key.scopes.map(String) : [];
    const node = el('li', { class: 'key', 'data-key': key.id },
      el('div', { class: 'row' },
        el('div', {},
          el('b', { dir: 'auto' }, title),
          el('p', { class: 'small' }, ...(key.lastUsedAt ? ['last used ', relative(key.lastUsedAt)] : ['never used']),
            ' · made ', relative(key.createdAt), ' · ends ', relative(key.expiresAt)),
          el('div', { class: 'permissions' }, ...scopes.map((scope) => el('code', {}, scope)))),
        start));
    start.addEventListener('click', () => {
      const yes = el('button', { type: 'button', class: 'compact danger' }, 'Revoke it');
      const no = el('button', { type: 'button', class: 'compact' }, 'Keep it');
      const sure = el('div', { class: 'sure', role: 'group', 'aria-label': `Revoke ${title}?` },
        el('p', { class: 'small loud' }, 'Programs that use it stop working within 30 seconds. This cannot be undone.'),
        el('div', { class: 'row' }, yes, no));
      const keep = () => { sure.remove(); start.hidden = false; start.focus({ preventScroll: true }); };
      no.addEventListener('click', keep);
      sure.addEventListener('keydown', (event) => { if (event.key === 'Escape') keep(); });
      yes.addEventListener('click', () => revoke(key, yes));
      start.hidden = true;
      node.append(sure);
      no.focus(); // the harmless one, for whoever presses Enter twice
    });
    return node;
  },
};
