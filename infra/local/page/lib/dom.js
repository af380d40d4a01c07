// Helpers for the DOM, and for times and durations in words.

/** An element with attributes and children; strings become text nodes, so data can never become markup. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** The parts of a panel that only its own code needs, by their data-part. */
export const partsOf = (root) => Object.fromEntries([...root.querySelectorAll('[data-part]')].map((node) => [node.dataset.part, node]));

/** Tells screen readers something that sighted readers see happen. */
export const say = (sentence) => { byId('spoken').textContent = sentence; };

/**
 * Runs `work` with the button marked busy. `aria-disabled` and not `disabled`, because a disabled button drops the
 * keyboard focus to the top of the page.
 */
export async function busy(button, label, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  const panel = button.closest('.panel');
  const before = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = label;
  panel.setAttribute('data-busy', '');
  try {
    await work();
  } finally {
    button.textContent = before;
    button.removeAttribute('aria-disabled');
    if (!panel.querySelector('[aria-disabled=true]')) panel.removeAttribute('data-busy');
  }
}

export const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** 95 -> "1 min 35 s" */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  return `${Math.round(s / 60)} min`;
}

/** An RFC 3339 time as a <time> that says how far away it is, with the date itself on hover. */
export function relative(iso) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return el('span', {}, String(iso));
  return el('time', { datetime: iso, title: at.toLocaleString('en', { dateStyle: 'long', timeStyle: 'short' }) }, away(at));
}

export function away(at) {
  const seconds = (at - Date.now()) / 1000;
  if (Math.abs(seconds) < 60) return 'just now';
  const [unit, size] = [['day', 86_400], ['hour', 3600], ['minute', 60]].find(([, one]) => Math.abs(seconds) >= one * .95);
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / size), unit);
}

/** Text as one word of a POSIX shell. */
export const shellQuoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
