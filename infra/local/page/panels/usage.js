// What was spent, what answers that were known have saved, and what is left.

import { alerts } from '../lib/alerts.js';
import { call } from '../lib/api.js';
import { dollars } from '../lib/asking.js';
import { busy, byId, el, relative } from '../lib/dom.js';
import { permissionsOf, session } from '../lib/session.js';
import { byDay, chart, seriesOf } from './usage.chart.js';

const columns = [
  ['Day', (line) => line.day], ['Operation', (line) => line.operation], ['Model', (line) => line.model],
  ['Calls', (line) => line.calls, true], ['Spent', (line) => dollars(line.spent), true],
  ['Unconfirmed', (line) => (line.unconfirmedCalls ? `${line.unconfirmedCalls}, ${dollars(line.unconfirmed)}` : ''), true],
  ['Known answers', (line) => line.cacheHits, true], ['Saved', (line) => dollars(line.saved), true],
  ['Tokens in', (line) => line.promptTokens, true], ['Tokens out', (line) => line.completionTokens, true],
];

const cell = (tag, number, text) => el(tag, { class: number ? 'number' : null, scope: tag === 'th' ? 'col' : null }, String(text));

export const usagePanel = {
  id: 'usage',
  place: 'main',
  title: 'Spending',

  mount(body, { onLimit }) {
    const months = byId('usage-months');
    const whose = byId('usage-of');
    const again = byId('usage-again');
    const state = byId('usage-state');
    let user = null;
    let answer = null;
    let asked = 0;

    const clear = () => {
      answer = null;
      byId('usage-sums').replaceChildren();
      byId('usage-budgets').replaceChildren();
      byId('usage-chart').hidden = byId('usage-details').hidden = true;
      state.hidden = false;
    };

    const draw = () => {
      const usage = whose.value === 'tenant' && answer.tenant ? answer.tenant : answer;
      byId('usage-sums').replaceChildren(...[
        ['spent', usage.spent], ['saved by known answers', usage.saved], ['held for calls under way', usage.reserved],
        ...(usage.unconfirmed ? [['of it unconfirmed', usage.unconfirmed]] : []),
      ].map(([what, amount]) => el('div', {}, el('dt', {}, what), el('dd', {}, dollars(amount)))));
      byId('usage-budgets').replaceChildren(...usage.budgets.map(({ budget, cap, used, left, resetsAt }) => el('li', {},
        el('meter', { min: 0, max: cap, value: used, high: cap * .8, optimum: 0, 'aria-label': `Used ${budget}` }),
        el('p', { class: 'small' }, el('b', {}, `${dollars(used)} used`), ` of ${dollars(cap)} ${budget}, whole again `, relative(resetsAt)))));
      const some = usage.lines.length > 0;
      byId('usage-chart').hidden = byId('usage-details').hidden = !some;
      state.hidden = some;
      state.textContent = 'Nothing has been spent yet. Answers of the built-in rules cost nothing.';
      if (!some) return;
      const data = byDay(usage.lines);
      byId('usage-caption').textContent = 'Spent by day (UTC) and operation';
      byId('usage-plot').replaceChildren(chart(data));
      byId('usage-legend').replaceChildren(...data.operations.map((operation) => el('li', {}, el('i', { class: seriesOf(data.operations, operation) }), operation)));
      byId('usage-table').replaceChildren(
        el('thead', {}, el('tr', {}, ...columns.map(([title, , number]) => cell('th', number, title)))),
        el('tbody', {}, ...usage.lines.map((line) => el('tr', {}, ...columns.map(([, value, number]) => cell('td', number, value(line)))))));
    };

    const load = async () => {
      const of = user;
      const number = ++asked;
      try {
        const fresh = await call('GET', `/api/usage?months=${months.value}`, { onLimit });
        if (number !== asked || session.current?.user?.id !== of) return; // a later one is under way, or somebody else
        answer = fresh;
        draw();
      } catch (error) {
        if (number !== asked || session.current?.user?.id !== of) return;
        if (!answer) state.textContent = 'Your usage could not be read.';
        alerts.show(error);
      }
    };
    again.addEventListener('click', () => busy(again, 'checking…', () => { alerts.clear(); return load(); }));
    months.addEventListener('change', load);
    whose.addEventListener('change', () => { if (answer) draw(); });

    return {
      session(now) {
        body.closest('.panel').hidden = !now;
        byId('usage-whose').hidden = !permissionsOf(now).includes('admin:view_analytics');
        const next = now?.user?.id ?? null;
        if (next === user) return;
        user = next;
        asked += 1;
        whose.value = 'user';
        clear();
        state.textContent = 'Asking for your usage…';
        if (user) load();
      },
    };
  },
};
