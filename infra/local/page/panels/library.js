// Documents become searchable: sent to a job in the background, whose progress is shown.

import { alerts } from '../lib/alerts.js';
import { call } from '../lib/api.js';
import { ask, loggedIn, submitsOnCtrlEnter } from '../lib/asking.js';
import { byId, el, partsOf, say } from '../lib/dom.js';
import { session } from '../lib/session.js';

const SAMPLE = `Ferries
The ferry to the island leaves at noon. It returns in the evening, except on Sundays.
---
Night trains
Sleeping cars have beds and a washbasin. Reserve weeks ahead in summer.
---
Sourdough
Feed the starter with equal weights of flour and water. When it doubles within hours it is ready to raise bread.
---
Reefing in a rising wind
Reef early. Ease the mainsheet, lower the halyard to the next reef point and hoist again.`;

/** The documents in a text: an id made of the title, so that sending one again replaces it. */
function documents(text, tags) {
  const parts = text.split(/^\s*-{3,}\s*$/m).map((part) => part.trim()).filter(Boolean);
  return parts.map((part) => {
    const [title, ...rest] = part.split('\n');
    const content = rest.join('\n').trim() || title;
    const id = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 100) || 'untitled';
    return { id, title: title.slice(0, 300), content, ...(tags.length ? { tags } : {}) };
  });
}

/** Waits between two looks, longer each time: looks and searches share a limit. */
const pauses = (function* () { yield 400; yield 800; yield 1500; for (;;) yield 3000; });
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

export const libraryPanel = {
  id: 'library',
  place: 'main',
  title: 'Index documents',

  mount(body, { onLimit }) {
    const parts = partsOf(body);
    const input = byId('documents');
    input.value = SAMPLE;
    submitsOnCtrlEnter(input);
    input.addEventListener('input', () => input.setCustomValidity(''));

    const draw = (job) => {
      parts.indexing.hidden = false;
      byId('indexing').value = job.progress;
      const words = { queued: 'waiting', running: 'indexing', stalled: 'stopped before the end: index them again', done: 'done' };
      parts.told.textContent = `${job.done} of ${job.total} documents: ${job.indexed} indexed, ${job.skipped} unchanged, ${job.failedCount} failed; ${words[job.status] ?? job.status}.`;
      parts.failures.replaceChildren(...job.failed.map(({ id, code, message }) => el('li', {}, el('b', { dir: 'auto' }, id), ' ', el('code', {}, code), ` ${message ?? ''}`)));
    };

    /** Looks at a job until it ends, or somebody else is at this tab. */
    const follow = async (job) => {
      const user = session.current?.user?.id;
      let now = job;
      for (const pause of pauses()) {
        draw(now);
        if (['done', 'stalled'].includes(now.status)) {
          say(parts.told.textContent);
          return;
        }
        await sleep(pause);
        if (session.current?.user?.id !== user) return;
        try {
          now = await call('GET', `/api/ai/index-jobs/${job.jobId}`, { onLimit });
        } catch (error) {
          // A limit passes; anything else is told.
          if (error.status !== 429) {
            alerts.show(error);
            return;
          }
        }
      }
    };

    byId('index').form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!loggedIn('indexing documents')) return;
      input.setCustomValidity(input.value.trim() ? '' : 'Please write a document.');
      if (!input.form.reportValidity()) return;
      const tags = byId('document-tags').value.split(',').map((tag) => tag.trim()).filter(Boolean);
      const request = { documents: documents(input.value, tags), background: true };
      const job = await ask(byId('index'), 'Sending…', '/api/ai/index-documents', { body: request, onLimit });
      if (job) await follow(job);
    });

    byId('empty-library').addEventListener('click', async () => {
      if (!loggedIn('deleting documents')) return;
      const gone = await ask(byId('empty-library'), 'Deleting…', '/api/ai/documents', { method: 'DELETE', body: { all: true }, onLimit });
      if (!gone) return;
      parts.indexing.hidden = false;
      byId('indexing').value = 0;
      parts.failures.replaceChildren();
      parts.told.textContent = `${gone.deleted} documents were deleted.`;
      say(parts.told.textContent);
    });

    return {
      forget() {
        input.form.reset();
        input.value = SAMPLE;
        parts.indexing.hidden = true;
        parts.told.textContent = '';
        parts.failures.replaceChildren();
      },
    };
  },
};
