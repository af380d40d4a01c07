// Queries said better, texts in fewer characters, code carried on: one call each.

import { ask, loggedIn, madeBy, submitsOnCtrlEnter } from '../lib/asking.js';
import { byId, el, say } from '../lib/dom.js';
import { copies, tabs } from '../lib/text.js';

const languages = ['C', 'C#', 'C++', 'CSS', 'Go', 'HTML', 'Java', 'JavaScript', 'Kotlin', 'PHP', 'Python', 'Ruby', 'Rust', 'SQL', 'Shell', 'Swift', 'TypeScript'];

/** An answer's sheet: what `nodes` show, who made it, and what it took. */
function draw(sheet, title, answer, nodes) {
  const { tags, sentence } = madeBy(answer);
  sheet.replaceChildren(
    el('div', { class: 'row apart sheet-head' }, el('h3', {}, title), el('span', { class: 'row close' }, ...tags)),
    ...nodes, el('p', { class: 'small push-down' }, sentence));
  sheet.hidden = false;
}

const operations = [
  {
    button: 'enhance', busy: 'Enhancing…', path: '/api/ai/enhance-query', sheet: 'query-answer', needed: ['query'], doing: 'enhancing a query',
    request: () => ({ query: byId('query').value.trim() }),
    draw: (sheet, answer) => {
      draw(sheet, 'Said better', answer, [
        el('p', { class: 'read', dir: 'auto' }, answer.enhancedQuery),
        el('p', { class: 'small push-down-s' }, 'Intent: ', el('b', {}, answer.intent), `, ${Math.round(answer.confidence * 100)} % sure`),
        el('div', { class: 'permissions', 'aria-label': 'Search terms' }, ...answer.searchTerms.map((term) => el('code', { dir: 'auto' }, term)))]);
      say(`The query means ${answer.intent}.`);
    },
  },
  {
    button: 'summarize', busy: 'Summarizing…', path: '/api/ai/summarize', sheet: 'summary-answer', needed: ['content'], doing: 'a summary',
    request: () => ({ content: byId('content').value, maxLength: Number(byId('max-length').value) }),
    draw: (sheet, answer, { maxLength }) => {
      const length = [...answer.summary].length; // characters as the server counts them: code points
      draw(sheet, `${length} of ${maxLength} characters`, answer, [el('p', { class: 'read', dir: 'auto' }, answer.summary)]);
      say('The summary is ready.');
    },
  },
  {
    button: 'complete', busy: 'Completing…', path: '/api/ai/complete-code', sheet: 'code-answer', needed: ['language', 'code'], doing: 'completing code',
    request: () => {
      const context = byId('code-context').value.trim();
      return { code: byId('code').value, language: byId('language').value.trim(), ...(context ? { context } : {}) };
    },
    draw: (sheet, answer, { code }) => {
      const completion = el('span', {}, answer.completion);
      const copy = el('button', { type: 'button', class: 'plain' }, 'Copy completion');
      copies(copy, () => completion);
      draw(sheet, 'Carried on', answer, [
        el('pre', { class: 'completed', tabindex: '0', 'aria-label': 'Completed code' }, el('span', { class: 'written' }, code), completion), copy]);
      say('The code is completed.');
    },
  },
];

export const textPanel = {
  id: 'text',
  place: 'main',
  title: 'Work on text',

  mount(body, { onLimit }) {
    tabs(body.querySelector('[role=tablist]'));
    byId('languages').append(...languages.map((language) => el('option', { value: language })));
    byId('max-length').addEventListener('input', () => { byId('max-length-shown').textContent = byId('max-length').value; });

    for (const operation of operations) {
      const button = byId(operation.button);
      const sheet = byId(operation.sheet);
      const inputs = operation.needed.map(byId);
      for (const input of inputs) {
        input.addEventListener('input', () => input.setCustomValidity(''));
        submitsOnCtrlEnter(input);
      }
      button.form.addEventListener('submit', async (event) => {
        event.preventDefault();
        if (!loggedIn(operation.doing)) return;
        for (const input of inputs) input.setCustomValidity(input.value.trim() ? '' : 'Please fill this in.');
        if (!button.form.reportValidity()) return;
        const request = operation.request();
        const answer = await ask(button, operation.busy, operation.path, { body: request, onLimit });
        if (answer) operation.draw(sheet, answer, request);
      });
    }

    return {
      /** After a logout the next person at this tab should not find the last one's texts. */
      forget() {
        for (const operation of operations) {
          byId(operation.button).form.reset();
          byId(operation.sheet).hidden = true;
          byId(operation.sheet).replaceChildren();
        }
        byId('max-length-shown').textContent = byId('max-length').value;
      },
    };
  },
};
