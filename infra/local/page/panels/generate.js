// Describe a form, get it, try it.

import { ask, loggedIn, madeBy, submitsOnCtrlEnter } from '../lib/asking.js';
import { byId, el, partsOf, say, shellQuoted } from '../lib/dom.js';
import { session } from '../lib/session.js';
import { copies, showJson, tabs } from '../lib/text.js';
import { renderForm } from './generate.form.js';

const examples = [
  ['Job application', 'A job application for a design studio: name, email, phone, portfolio link, years of experience, a résumé upload and a cover letter'],
  ['Event registration', 'Registration for a weekend conference with a t-shirt size, dietary needs and an emergency phone number'],
  ['Support ticket', 'A support ticket with priority, product version, a description of the problem and a screenshot'],
  ['Table booking', 'Book a table: date, number of guests, seating preference and allergies'],
  ['Shipping address', 'Shipping address for an online order, with a gift message'],
  ['Course feedback', 'Feedback on a training course: rating, what went well, what to improve, may we contact you'],
];

export const generatePanel = {
  id: 'generate',
  place: 'main',
  title: 'Describe a form',

  mount(body, { onLimit }) {
    const part = partsOf(body);
    const context = byId('context');
    const existing = byId('existing');
    const form = byId('form');
    const json = byId('json');
    const curl = byId('curl');
    let asked = null; // the request that the curl tab shows
    json.textContent = 'Nothing yet.';

    tabs(body.querySelector('[role=tablist]'));
    copies(byId('copy'), () => (byId('view-json').hidden ? curl : json));

    for (const [title, text] of examples) {
      const chip = el('button', { type: 'button', class: 'chip' }, title);
      chip.addEventListener('click', () => {
        context.value = text;
        context.setCustomValidity('');
        showCurl();
        byId('generate').focus({ preventScroll: true });
      });
      part.examples.append(chip);
    }

    const request = () => {
      const names = existing.value.split(',').map((name) => name.trim()).filter(Boolean);
      return { context: context.value.trim(), ...(names.length ? { existingFields: names } : {}) };
    };

    const showCurl = () => {
      const token = session.current ? el('span', { class: 'secret' }, session.current.token) : '<log in, and your token is here>';
      curl.replaceChildren("TOKEN='", token, "'\n",
        `curl -sS ${shellQuoted(`${location.origin}/api/ai/generate-form`)} \\\n`,
        '  -H "authorization: Bearer $TOKEN" \\\n',
        "  -H 'content-type: application/json' \\\n",
        `  --data-raw ${shellQuoted(JSON.stringify(asked ?? request()))}\n`);
    };
    context.addEventListener('input', () => { context.setCustomValidity(''); if (!asked) showCurl(); });

    const showValues = (values) => {
      part.collected.replaceChildren();
      if (!values) return;
      const pre = el('pre', { id: 'submitted', tabindex: '0', 'aria-label': 'Collected values' });
      part.collected.append(el('p', { class: 'small push-down' }, 'All valid. Collected here, sent nowhere; passwords are masked:'), pre);
      showJson(pre, values);
    };

    const show = (answer) => {
      const described = Array.isArray(answer?.fields) ? answer.fields : [];
      showValues(null);
      const fields = renderForm(form, described, showValues);
      const blocks = showJson(json, answer);
      fields.forEach((field, n) => this.link(field.node, blocks[n], json));

      const { tags, sentence } = madeBy(answer);
      part['made-by'].replaceChildren(...tags);
      part.usage.textContent = `${sentence} ${described.length ? '* marks required fields.' : 'The answer has no fields.'}`;
      part.blank.hidden = true;
      form.hidden = false;
      say(`The form is ready: ${described.length} fields, source ${answer.source}.`);
      if (part.result.getBoundingClientRect().top > innerHeight * .75) {
        part.result.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
      }
    };

    part.ask.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!loggedIn('generating a form')) return;
      context.setCustomValidity(context.value.trim() ? '' : 'Please describe the form.');
      if (!context.reportValidity()) return;
      const wanted = request();
      const answer = await ask(byId('generate'), 'Generating…', '/api/ai/generate-form', { body: wanted, onLimit });
      if (!answer) return;
      asked = wanted;
      show(answer);
      showCurl();
    });
    submitsOnCtrlEnter(context);

    return {
      session(now) {
        part.hint.textContent = now ? 'or Ctrl + Enter' : 'Register or log in first.';
        showCurl();
      },
      /** After a logout the next person at this tab should not find the last one's form. */
      forget() {
        asked = null;
        context.value = '';
        existing.value = '';
        Element.prototype.replaceChildren.call(form);
        form.hidden = true;
        part.blank.hidden = false;
        part['made-by'].replaceChildren();
        part.usage.textContent = '';
        json.textContent = 'Nothing yet.';
        showValues(null);
        showCurl();
      },
    };
  },

  /** Lights a field's block of JSON while the pointer or the focus is on the field. */
  link(node, block, pre) {
    if (!block) return;
    const light = (on) => block.classList.toggle('lit', on);
    node.addEventListener('pointerenter', () => light(true));
    node.addEventListener('pointerleave', () => light(node.contains(document.activeElement)));
    node.addEventListener('focusout', () => light(false));
    node.addEventListener('focusin', () => {
      light(true);
      // Scrolls the JSON and nothing else; scrollIntoView would move the page under the reader's hands.
      pre.scrollTop = block.offsetTop - pre.offsetTop - 24;
    });
  },
};
