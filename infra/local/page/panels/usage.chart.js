// Spending by day as stacked bars, in SVG. Pure but for the nodes that it makes.

import { dollars } from '../lib/asking.js';

const colours = 7;
const width = 720;
const height = 200;
const margin = { left: 58, right: 4, top: 8, bottom: 22 };
const day = 86_400_000;

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
};

/** 1, 2 or 5 times a power of ten: the step with which `top` is reached in about four. */
function stepTo(top) {
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough);
}

/** Lines of the usage -> {operations, days: [{day, total, parts: Map}]}, every day from the first to the last. */
export function byDay(lines) {
  const operations = [...new Set(lines.map(({ operation }) => operation))].sort();
  const times = lines.map((line) => Date.parse(line.day));
  const days = [];
  for (let time = Math.min(...times); time <= Math.max(...times); time += day) {
    days.push({ day: new Date(time).toISOString().slice(0, 10), total: 0, parts: new Map() });
  }
  const index = new Map(days.map((one) => [one.day, one]));
  for (const { day: on, operation, spent } of lines) {
    const one = index.get(on);
    one.parts.set(operation, (one.parts.get(operation) ?? 0) + spent);
    one.total += spent;
  }
  return { operations, days };
}

/** The class that colours an operation. */
export const seriesOf = (operations, operation) => `series-${(operations.indexOf(operation) % colours) + 1}`;

/** The chart of what `byDay` made. */
export function chart({ operations, days }) {
  const top = Math.max(...days.map(({ total }) => total)) || 1;
  const step = stepTo(top);
  const scale = Math.ceil(top / step) * step;
  const y = (amount) => margin.top + (height - margin.top - margin.bottom) * (1 - amount / scale);
  const pitch = (width - margin.left - margin.right) / Math.max(days.length, 7);
  const nodes = [];
  for (let n = 0; n * step <= scale * 1.0001; n += 1) {
    nodes.push(svg('line', { class: n ? 'grid' : 'axis', x1: margin.left, x2: width - margin.right, y1: y(n * step), y2: y(n * step) }),
      svg('text', { x: margin.left - 8, y: y(n * step) + 4, 'text-anchor': 'end' }, dollars(n * step)));
  }
  const everyNth = Math.ceil(days.length / 10);
  days.forEach((one, n) => {
    const x = margin.left + n * pitch;
    const parts = [...one.parts].map(([operation, spent]) => `${operation} ${dollars(spent)}`).join(', ');
    const bar = svg('g', {}, svg('title', {}, `${one.day}: ${dollars(one.total)}${parts ? ` (${parts})` : ''}`));
    let below = 0;
    for (const operation of operations) {
      const spent = one.parts.get(operation) ?? 0;
      if (!spent) continue;
      const [low, high] = [y(below), y(below + spent)];
      bar.append(svg('rect', { class: seriesOf(operations, operation), x: x + pitch * .12, width: pitch * .76, y: high, height: Math.max(low - high, .5) }));
      below += spent;
    }
    nodes.push(bar);
    if (n % everyNth === 0) nodes.push(svg('text', { x: x + pitch / 2, y: height - 6, 'text-anchor': 'middle' }, one.day.slice(5)));
  });
  const dearest = days.reduce((most, one) => (one.total > most.total ? one : most));
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': `Spending by day from ${days[0].day} to ${days.at(-1).day}; most on ${dearest.day}, ${dollars(dearest.total)}. The table below has the numbers.` }, ...nodes);
}
