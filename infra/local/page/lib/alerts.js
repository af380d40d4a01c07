// The one place where failures are shown.

import { Problem } from './api.js';
import { byId, duration, el } from './dom.js';

export const alerts = {
  timer: null,

  clear() {
    clearInterval(this.timer);
    byId('alert').replaceChildren();
  },

  /** Shows a Problem, or any error as a fault of this page. */
  show(error) {
    this.clear();
    const problem = error instanceof Problem ? error : new Problem({ sentence: `This page failed: ${error.message}`, code: 'PAGE_FAULT' });
    if (!(error instanceof Problem)) console.error(error);
    const close = el('button', { type: 'button', class: 'plain', 'aria-label': 'Dismiss this message' }, 'dismiss');
    close.addEventListener('click', () => this.clear());
    const details = el('p', { class: 'small' }, el('code', { 'data-part': 'code' }, problem.code ?? 'ERROR'));
    if (problem.requestId) details.append(' · request ', el('code', { 'data-part': 'request' }, problem.requestId));
    // role=timer is silent: a count read aloud every second would drown the sentence.
    const countdown = problem.retryAfter === undefined ? null : el('p', { class: 'small', role: 'timer', 'aria-live': 'off' });
    byId('alert').append(el('div', { class: 'alert' }, el('p', { class: 'sentence' }, problem.sentence), close, countdown, details));
    if (countdown) this.count(countdown, problem.retryAfter);
  },

  count(node, seconds) {
    const until = performance.now() + seconds * 1000; // monotonic: the wall clock may jump
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      node.textContent = left > 0 ? `You can try again in ${duration(left)}.` : 'You can try again now.';
      if (left <= 0) clearInterval(this.timer);
    };
    tick();
    this.timer = setInterval(tick, 1000);
  },
};

document.addEventListener('keydown', (event) => { if (event.key === 'Escape') alerts.clear(); });
