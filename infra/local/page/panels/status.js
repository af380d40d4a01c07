// How the stack is, and what is not set.

import { alerts } from '../lib/alerts.js';
import { send } from '../lib/api.js';
import { busy, byId, el, isObject } from '../lib/dom.js';

const providerNames = { openai: 'OpenAI', pinecone: 'Pinecone', googlevision: 'Google Vision', vision: 'Google Vision', removebg: 'Remove.bg', sentry: 'Sentry' };
const spelled = (key) => providerNames[String(key).toLowerCase().replace(/[^a-z]/g, '')] ?? String(key).replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_-]+/g, ' ');

/** Services and features come as {name: bool | {configured|enabled: bool}} or as a list of {name, ...}: both -> [name, on]. */
function switches(value) {
  const entries = Array.isArray(value)
    ? value.map((item) => (isObject(item) ? [item.name ?? item.id ?? '?', item] : [item, true]))
    : Object.entries(isObject(value) ? value : {});
  const on = (v) => (isObject(v) ? Boolean(v.configured ?? v.enabled ?? v.available ?? v.ok) : v === true || v === 'configured' || v === 'enabled');
  return entries.map(([name, v]) => [String(name), on(v)]);
}

// What is merely not configured is listed as missing, and is no failure.
const passes = (check) => check === true || check?.ok === true || check?.passed === true
  || /^(ok|pass|passed|ready|up|healthy|skipped|missing|unconfigured|not[ _-]configured|optional|off|disabled)$/i.test(check?.status ?? '');

/** One thing that is not set: its name, and every sentence that came with it. */
function missingItem(item) {
  if (!isObject(item)) return el('li', {}, el('code', {}, String(item)));
  const { setting, name, ...rest } = item;
  const sentences = Object.values(rest).filter((value) => typeof value === 'string' && value);
  return el('li', {}, el('code', {}, String(setting ?? name ?? 'setting')), ...sentences.map((sentence) => el('p', { class: 'small' }, sentence)));
}

export const statusPanel = {
  id: 'status',
  place: 'strip',
  label: 'Status of the stack',

  mount(body) {
    const strip = byId('status');

    const look = async () => {
      // Not `call`: /ready may say 503 and still carry the list that we want.
      const [health, ready] = (await Promise.allSettled([send('GET', '/health'), send('GET', '/ready')])).map((r) => r.value);
      strip.replaceChildren(...this.draw(health, ready));
      const again = el('button', { type: 'button', class: 'plain push' }, 'check again');
      again.addEventListener('click', () => busy(again, 'checking…', look));
      strip.append(again);
      strip.dataset.state = health?.ok ? (ready?.ok ? 'ok' : 'degraded') : 'down';
    };
    look().catch((error) => alerts.show(error));
  },

  draw(health, ready) {
    if (!health) return [el('span', { class: 'light', 'data-on': 'bad' }, el('b', {}, 'The stack does not answer'))];
    const facts = isObject(health.data) ? health.data : {};
    const state = isObject(ready?.data) ? ready.data : {};
    const light = (on, ...children) => el('span', { class: 'light', 'data-on': String(on) }, el('span', {}, ...children));
    const nodes = [light(health.ok ? 'true' : 'bad', el('b', {}, String(facts.status ?? (health.ok ? 'healthy' : 'unhealthy'))),
      facts.version ? el('span', { class: 'small' }, ` version ${facts.version}`) : null)];
    for (const [name, on] of switches(facts.services)) {
      nodes.push(light(on, spelled(name), el('span', { class: 'small' }, on ? ' configured' : ' not set')));
    }
    const checks = Array.isArray(state.checks) ? state.checks : switches(state.checks).map(([name, ok]) => ({ name, ok }));
    const failed = checks.filter((check) => !passes(check));
    for (const check of failed) nodes.push(light('bad', el('b', {}, spelled(check.name ?? check.check ?? check.id ?? 'check')), ` ${check.detail ?? check.error ?? check.status ?? 'failed'}`));
    if (!ready || (!ready.ok && !failed.length)) nodes.push(light('bad', `not ready${state.status ? `: ${state.status}` : ''}`));

    const missing = Array.isArray(state.missing) ? state.missing : [];
    const features = switches(facts.features);
    if (missing.length || features.length || checks.length) {
      const summary = missing.length ? `${missing.length} ${missing.length === 1 ? 'setting is' : 'settings are'} not set, and how to set ${missing.length === 1 ? 'it' : 'them'}` : 'Details';
      nodes.push(el('details', {}, el('summary', {}, summary),
        missing.length ? el('ul', { class: 'missing' }, ...missing.map(missingItem)) : null,
        missing.length ? el('p', { class: 'small push-down-s' }, 'The stack works without them: what they add is off, or done by built-in rules. Settings are read when the stack starts.') : null,
        checks.length ? el('p', { class: 'small' }, `Checks: ${checks.length - failed.length} of ${checks.length} pass`) : null,
        features.length ? el('p', { class: 'small' }, `Features: ${features.map(([name, on]) => `${spelled(name)} ${on ? 'on' : 'off'}`).join(', ')}`) : null));
    }
    return nodes;
  },
};
