// The panels, and what each of them gets.

import { byId, duration, el } from './lib/dom.js';
import { session } from './lib/session.js';
import { accountPanel } from './panels/account.js';
import { editorPanel } from './panels/editor.js';
import { generatePanel } from './panels/generate.js';
import { imagesPanel } from './panels/images.js';
import { keysPanel } from './panels/keys.js';
import { libraryPanel } from './panels/library.js';
import { rolesPanel } from './panels/roles.js';
import { searchPanel } from './panels/search.js';
import { statusPanel } from './panels/status.js';
import { textPanel } from './panels/text.js';
import { usagePanel } from './panels/usage.js';

/**
 * A panel is {id, place: 'strip' | 'side' | 'main', title or label, mount(body, tools)}, with a <template id="ID-panel">.
 * `mount` fills its body and may return {session(now), forget()}: told at once and on every change of the session,
 * and after a logout. `tools.onLimit` goes to `call`, and shows the rate limit in the panel's footer.
 */
const panels = [statusPanel, accountPanel, rolesPanel, generatePanel, textPanel, imagesPanel, editorPanel, libraryPanel, searchPanel, usagePanel, keysPanel];

function footer() {
  const text = el('span', {});
  const meter = el('meter', { min: 0, 'aria-label': 'Requests left' });
  const node = el('footer', { class: 'foot', 'data-part': 'limit', hidden: true }, meter, text);
  const onLimit = ({ name, remaining, quota, reset }) => {
    node.hidden = false;
    meter.hidden = quota === undefined;
    Object.assign(meter, { max: quota ?? 1, low: (quota ?? 1) * .2, optimum: quota ?? 1, value: remaining });
    text.textContent = `${name}: ${remaining}${quota === undefined ? '' : ` of ${quota}`} requests left${reset ? `, resets in ${duration(reset)}` : ''}`;
  };
  return { node, onLimit };
}

session.load();
for (const panel of panels) {
  const titleId = `title-of-${panel.id}`;
  const body = el('div', { class: 'body' }, byId(`${panel.id}-panel`).content.cloneNode(true));
  const foot = footer();
  document.querySelector(`[data-place=${panel.place}]`).append(el('section',
    { class: `panel in-${panel.place}`, 'data-panel': panel.id, 'aria-label': panel.title ? null : panel.label, 'aria-labelledby': panel.title ? titleId : null },
    panel.title ? el('header', { class: 'head' }, el('h2', { id: titleId }, panel.title)) : null, body, foot.node));
  const hooks = panel.mount(body, { onLimit: foot.onLimit }) ?? {};
  if (hooks.forget) session.leavers.push(() => hooks.forget());
  if (hooks.session) {
    session.listeners.push((now) => hooks.session(now));
    hooks.session(session.current);
  }
}
