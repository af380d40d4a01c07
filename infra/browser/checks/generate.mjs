// Forms that are described, generated, rendered and tried.

import assert from 'node:assert/strict';

export const eventContext = 'Event registration with a t-shirt size';
const jobContext = 'A job application with a phone number and a resume upload';

/** Presses Generate; returns what the server answered, having seen the page show exactly that. */
export async function generate({ page, origin }, context) {
  await page.fill('#context', context);
  const [response] = await Promise.all([
    page.waitForResponse((r) => r.url() === `${origin}/api/ai/generate-form` && r.request().method() === 'POST'),
    page.click('#generate'),
  ]);
  assert.equal(response.status(), 200, await response.text());
  const answer = await response.json();
  const text = JSON.stringify(answer, null, 2);
  await page.waitForFunction((wanted) => document.getElementById('json').textContent === wanted, text);
  assert.ok(answer.fields.length > 0, 'the answer has fields');
  assert.equal(await page.textContent('#source [data-part=source]'), answer.source);
  return answer;
}

/** Reads the rendered form back into the shape of the JSON, from real controls and nothing of the page's own. */
function renderedFields() {
  const text = (node) => {
    const copy = node.cloneNode(true);
    copy.querySelectorAll('[aria-hidden=true]').forEach((mark) => mark.remove());
    return copy.textContent;
  };
  const groups = new Map();
  for (const control of document.querySelectorAll('#form input, #form select, #form textarea')) {
    const name = control.getAttribute('name');
    groups.set(name, [...(groups.get(name) ?? []), control]);
  }
  return [...groups].map(([fieldName, controls]) => {
    const [first] = controls;
    const kind = first.localName === 'input' ? first.getAttribute('type') : first.localName;
    const grouped = first.closest('fieldset') !== null;
    const number = (attribute) => (first.hasAttribute(attribute) ? Number(first.getAttribute(attribute)) : undefined);
    const field = {
      fieldName,
      fieldType: kind,
      label: text(grouped ? first.closest('fieldset').querySelector('legend') : first.labels[0]),
      required: first.required,
      placeholder: first.getAttribute('placeholder') ?? undefined,
      minLength: number('minlength'),
      maxLength: number('maxlength'),
      pattern: first.getAttribute('pattern') ?? undefined,
    };
    if (kind === 'select') field.options = [...first.options].filter((o) => o.value !== '').map((o) => ({ value: o.value, label: o.textContent }));
    if (kind === 'radio') field.options = controls.map((c) => ({ value: c.value, label: text(c.labels[0]) }));
    return field;
  });
}

/** What the controls for a described field must look like. */
function expectedField({ fieldName, fieldType, label, required, placeholder, validation, options }) {
  const line = ['text', 'email', 'password'].includes(fieldType);
  const written = line || fieldType === 'textarea';
  const field = {
    fieldName, fieldType, label, required,
    placeholder: (written || fieldType === 'number') && placeholder ? placeholder : undefined,
    minLength: written ? validation?.minLength ?? undefined : undefined,
    maxLength: written ? validation?.maxLength ?? undefined : undefined,
    pattern: line && readable(validation?.pattern) ? validation.pattern : undefined,
  };
  if (['select', 'radio'].includes(fieldType)) field.options = options.map(({ value, label: shown }) => ({ value, label: shown }));
  return field;
}

/** Browsers read the pattern attribute with the `v` flag; the page leaves out what that refuses. */
function readable(pattern) {
  if (!pattern) return false;
  try { new RegExp(pattern, 'v'); return true; } catch { return false; }
}

export async function assertRendered(page, answer) {
  assert.deepEqual(await page.evaluate(renderedFields), answer.fields.map(expectedField));
}

const attribute = (name) => `#form [name="${name.replaceAll(/["\\]/g, '\\$&')}"]`;

/** A value that the field's own rules accept. */
function sample({ fieldName, fieldType, validation = {} }) {
  const candidates = {
    email: ['ada@example.com'],
    password: ['lusab-babad-gutih-Tugad-7!'],
    number: ['3', '18', '2026'],
    date: ['2027-03-01'],
  }[fieldType] ?? ['Ada Lovelace', 'Ada', '+436601234567', '+43 660 1234567', '6601234567', '660-123-4567', 'https://example.com/ada', '1010', '12345', 'ada_lovelace', 'AT', 'Long enough for anybody who asks for a few sentences about it.'];
  const fits = (value) => value.length >= (validation?.minLength ?? 0) && value.length <= (validation?.maxLength ?? Infinity)
    && (!readable(validation?.pattern) || new RegExp(`^(?:${validation.pattern})$`, 'v').test(value));
  const found = candidates.find(fits);
  assert.ok(found !== undefined, `no sample value fits ${fieldName}: ${JSON.stringify(validation)}`);
  return found;
}

async function fill(page, field) {
  const control = page.locator(attribute(field.fieldName)).first();
  switch (field.fieldType) {
    case 'select': return control.selectOption(field.options[0].value);
    case 'radio': case 'checkbox': return control.check();
    case 'file': return control.setInputFiles({ name: 'resume.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7') });
    default: return control.fill(sample(field));
  }
}

let job;

export default ({ page, origin, url, state }) => [
  ['a job application is generated, and its rendered fields are the JSON fields', async () => {
    job = await generate({ page, origin }, jobContext);
    await assertRendered(page, job);
  }],

  ['trying it empty marks every required field and collects nothing', async () => {
    const required = job.fields.filter((field) => field.required);
    assert.ok(required.length > 0, 'the form has required fields');
    await page.click('#try');
    const marked = await page.evaluate(() => [...new Set([...document.querySelectorAll('#form [aria-invalid=true]')].map((control) => control.getAttribute('name')))]);
    assert.deepEqual(marked, required.map((field) => field.fieldName));
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('name')), required[0].fieldName, 'the first invalid field has the focus');
    assert.equal(await page.locator('#submitted').count(), 0);
  }],

  ['an invalid email is refused with a message', async () => {
    const field = job.fields.find(({ fieldType }) => fieldType === 'email');
    assert.ok(field, 'the form has an email field');
    for (const other of job.fields) if (other.required && other !== field) await fill(page, other);
    const control = page.locator(attribute(field.fieldName));
    await control.fill('not an address');
    await page.click('#try');
    assert.equal(await control.getAttribute('aria-invalid'), 'true');
    const message = await control.evaluate((node) => node.validationMessage);
    assert.ok(message, 'the control says why');
    if (field.validation?.customMessage) assert.equal(message, field.validation.customMessage);
    assert.ok((await page.innerText('#form')).includes(message), 'and so does the page');
    assert.equal(await page.locator('#submitted').count(), 0);
  }],

  ['the corrected form is valid, and shows what it collected without sending it', async () => {
    const field = job.fields.find(({ fieldType }) => fieldType === 'email');
    const sent = [];
    const note = (request) => sent.push(request.url());
    await fill(page, field);
    page.on('request', note);
    await page.click('#try');
    const values = JSON.parse(await page.textContent('#submitted'));
    page.off('request', note);
    assert.deepEqual(Object.keys(values), job.fields.map(({ fieldName }) => fieldName));
    assert.equal(values[field.fieldName], sample(field));
    assert.deepEqual(sent, []);
    assert.equal(page.url(), url);
  }],

  ['an event registration is another form, and has the t-shirt size it was asked for', async () => {
    state.event = await generate({ page, origin }, eventContext);
    await assertRendered(page, state.event);
    assert.notDeepEqual(state.event.fields, job.fields);
    assert.ok(state.event.fields.some(({ fieldName, label }) => /shirt/i.test(`${fieldName} ${label}`)), JSON.stringify(state.event.fields.map((f) => f.fieldName)));
    assert.equal(await page.locator('#submitted').count(), 0, 'values of the form before are gone');
  }],

  ['the curl tab shows the same request', async () => {
    await page.getByRole('tab', { name: 'curl' }).click();
    const command = await page.textContent('#curl');
    assert.ok(command.includes(`${origin}/api/ai/generate-form`), command);
    assert.ok(command.includes(JSON.stringify({ context: eventContext })), command);
    await page.getByRole('tab', { name: 'JSON' }).click();
  }],
];
