// JSON with colours, copying, and tabs.

import { byId, el, say } from './dom.js';

/** One line of JSON as coloured nodes. */
function colouredLine(line) {
  const nodes = [];
  let end = 0;
  for (const match of line.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
    const [text, string, colon] = match;
    const kind = string ? (colon ? 'key' : 'string') : /[a-z]$/.test(text) ? 'word' : 'number';
    const shown = string ?? text;
    nodes.push(line.slice(end, match.index), el('span', { class: `j-${kind}` }, shown));
    end = match.index + shown.length;
  }
  nodes.push(line.slice(end));
  return nodes;
}

/**
 * Writes `value` into `pre` and returns the blocks that describe `fields[0]`, `fields[1]`...: the page lights the block
 * of the control that the reader is on. Line by line, because JSON.stringify never puts a raw newline into a string.
 */
export function showJson(pre, value) {
  const blocks = [];
  const nodes = [];
  let inFields = false;
  let block = null;
  const lines = JSON.stringify(value, null, 2).split('\n');
  lines.forEach((line, n) => {
    if (line === '  "fields": [') inFields = true;
    else if (/^ {2}\]/.test(line)) inFields = false;
    if (inFields && line === '    {') blocks.push(block = el('span', { class: 'j-field' }));
    const target = block ? { push: (...parts) => block.append(...parts) } : nodes;
    target.push(...colouredLine(line));
    const closes = block && /^ {4}\},?$/.test(line);
    if (closes) {
      nodes.push(block);
      block = null;
    }
    if (n < lines.length - 1) (block ? { push: (part) => block.append(part) } : nodes).push('\n');
  });
  pre.replaceChildren(...nodes);
  return blocks;
}

async function copy(pre) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
    return true;
  } catch {
    // No clipboard API outside a secure context (another machine's address, say): select, and use the old command.
    getSelection().selectAllChildren(pre);
    return document.execCommand('copy');
  }
}

/** Makes `button` copy what `source()` holds, and say so for a moment. */
export function copies(button, source) {
  const label = button.textContent;
  button.addEventListener('click', async () => {
    const done = await copy(source());
    button.textContent = done ? 'Copied' : 'Press Ctrl+C';
    say(done ? 'Copied.' : '');
    setTimeout(() => { button.textContent = label; }, 1800);
  });
}

/** Arrow keys move between tabs, and the chosen tab shows its panel (the ARIA tabs pattern). */
export function tabs(list) {
  const all = [...list.querySelectorAll('[role=tab]')];
  const choose = (chosen) => {
    for (const tab of all) {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      byId(tab.getAttribute('aria-controls')).hidden = !on;
    }
  };
  for (const [n, tab] of all.entries()) {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', (event) => {
      const next = { ArrowRight: n + 1, ArrowLeft: n - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const target = all[next % all.length];
      choose(target);
      target.focus();
    });
  }
}
