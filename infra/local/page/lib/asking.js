// Questions that somebody who is logged in asks, and who answered them.

import { alerts } from './alerts.js';
import { call, Problem } from './api.js';
import { busy, byId, el, isObject } from './dom.js';
import { session } from './session.js';

/** Whether somebody is logged in; if not, says so and puts the focus where that can be changed. `doing`: "searching". */
export function loggedIn(doing) {
  alerts.clear();
  if (session.current) return true;
  alerts.show(new Problem({ sentence: `Register or log in first: ${doing} needs an account.`, code: 'NOT_LOGGED_IN' }));
  byId('email').focus();
  return false;
}

/** Sends `body` while `button` says `label`. `undefined` after a failure, which is shown, and for who is not there anymore. */
export async function ask(button, label, path, { method = 'POST', body, onLimit } = {}) {
  const user = session.current?.user?.id;
  let answer;
  await busy(button, label, async () => {
    try {
      answer = await call(method, path, { body, onLimit });
    } catch (error) {
      if (session.current?.user?.id === user || error.status === 401) alerts.show(error);
    }
  });
  return session.current?.user?.id === user ? answer : undefined; // logged out, or somebody else, meanwhile
}

/** Ctrl + Enter in `input` is as good as the button. */
export function submitsOnCtrlEnter(input) {
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    input.form.requestSubmit();
  });
}

/** US dollars, as many digits as a small amount needs. */
export function dollars(amount) {
  const digits = amount === 0 || amount >= 1 ? 2 : Math.min(9, 2 + Math.ceil(-Math.log10(amount)));
  return `$${Number(amount).toFixed(digits)}`;
}

/** Who answered: tags for the head of a sheet, and a sentence for its end. */
export function madeBy(answer) {
  const usage = isObject(answer.usage) ? answer.usage : {};
  const rules = answer.source === 'fallback';
  const tags = [el('span', { class: rules ? 'tag warm' : 'tag', 'data-part': 'source' }, String(answer.source ?? 'unknown'))];
  if (answer.cached === true) tags.push(el('span', { class: 'tag' }, 'cached'));
  const sentence = [
    rules ? 'Made by the built-in rules' : `Made by ${usage.model ?? 'a language model'}`,
    usage.reason ? ` (${usage.reason})` : '',
    usage.totalTokens ? `, ${usage.totalTokens} tokens` : '',
    usage.savedUsd ? `, ${dollars(usage.savedUsd)} saved` : '',
    '.',
    usage.choice && !rules ? ` Why this model: ${usage.choice}.` : '',
  ].join('');
  return { tags, sentence };
}
