// Searches the reader's own documents: results with their matches marked and their scores taken apart.

import { ask, loggedIn } from '../lib/asking.js';
import { byId, el, isObject, say } from '../lib/dom.js';

/** A sentence with its matches marked; spans count code points. */
function marked({ text, spans }) {
  const letters = [...text];
  const nodes = [];
  let at = 0;
  for (const { start, end } of spans) {
    nodes.push(letters.slice(at, start).join(''), el('mark', {}, letters.slice(start, end).join('')));
    at = end;
  }
  nodes.push(letters.slice(at).join(''));
  return el('p', { class: 'said', dir: 'auto' }, ...nodes);
}

/** The parts of a score, each as long as what it adds. */
function score(hit) {
  const { semantic, keyword, semanticWeight, keywordWeight } = hit.parts;
  const row = (name, value, told) => [el('span', {}, name), el('meter', { min: 0, max: 1, value, 'aria-label': name }), el('span', {}, told)];
  const part = (weight, value) => `${weight} × ${value}`;
  return el('div', { class: 'score' },
    ...row('score', hit.score, hit.score.toFixed(3)),
    ...row('meaning', semanticWeight * semantic, part(semanticWeight, semantic)),
    ...row('words', keywordWeight * keyword, part(keywordWeight, keyword)));
}

function drawn(hit) {
  const said = hit.highlights.length ? hit.highlights.map(marked) : [el('p', { class: 'said', dir: 'auto' }, [...hit.content].slice(0, 200).join(''))];
  const tags = Array.isArray(hit.metadata.tags) ? hit.metadata.tags : [];
  return el('li', { 'data-id': hit.id },
    el('div', { class: 'row apart' }, el('h3', { dir: 'auto' }, hit.title ?? hit.id), el('span', { class: 'row close' }, ...tags.map((tag) => el('span', { class: 'tag' }, tag)))),
    ...said, score(hit));
}

export const searchPanel = {
  id: 'search',
  place: 'main',
  title: 'Search documents',

  mount(body, { onLimit }) {
    const [query, filter, weight] = ['search-query', 'search-filter', 'search-weight'].map(byId);
    const results = byId('search-results');
    const showWeight = () => {
      byId('search-weight-shown').textContent = weight.value < 0 ? 'as the query suggests' : `${weight.value} %`;
    };
    weight.addEventListener('input', showWeight);
    for (const input of [query, filter]) input.addEventListener('input', () => input.setCustomValidity(''));

    byId('search').form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!loggedIn('searching')) return;
      query.setCustomValidity(query.value.trim() ? '' : 'Please say what to look for.');
      const options = { topK: 10, explain: true };
      if (filter.value.trim()) {
        try {
          options.filter = JSON.parse(filter.value);
          filter.setCustomValidity(isObject(options.filter) ? '' : 'A filter is a JSON object.');
        } catch {
          filter.setCustomValidity('A filter is a JSON object.');
        }
      }
      if (!query.form.reportValidity()) return;
      if (weight.value >= 0) Object.assign(options, { semanticWeight: weight.value / 100, keywordWeight: 1 - weight.value / 100 });
      const answer = await ask(byId('search'), 'Searching…', '/api/ai/search', { body: { query: query.value.trim(), options }, onLimit });
      if (!answer) return;
      const found = answer.totalResults === 1 ? '1 document' : `${answer.totalResults} documents`;
      const tags = [el('span', { class: 'tag', 'data-part': 'source' }, answer.source), answer.cached ? el('span', { class: 'tag' }, 'cached') : null];
      results.replaceChildren(
        el('div', { class: 'row apart' }, el('p', { class: 'small' }, `${found} for “${answer.enhancedQuery}”; the query means ${answer.intent}.`), el('span', { class: 'row close' }, ...tags)),
        el('ol', { class: 'hits' }, ...answer.results.map(drawn)));
      results.hidden = false;
      say(`${found} found.`);
    });

    return {
      forget() {
        query.form.reset();
        showWeight();
        results.hidden = true;
        results.replaceChildren();
      },
    };
  },
};
