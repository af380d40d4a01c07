// The page at the local stack's `/`, used as a newcomer would use it, in a real browser:
//   node page.mjs http://127.0.0.1:PORT/        (infra/browser/run installs what this needs)
// Registers a fresh account each time, so it can run again and again against the same data.
// Waits are for conditions, never for time. A check that could not be reached counts as failed.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chromium } from 'playwright-core';

const url = process.argv[2];
if (!url) {
  console.error('usage: node page.mjs URL-OF-THE-PAGE');
  process.exit(2);
}
const { origin } = new URL(url);
const email = `newcomer-${randomUUID()}@example.com`;
const patience = 15_000;

const jobContext = 'A job application with a phone number and a resume upload';
const eventContext = 'Event registration with a t-shirt size';
const keyName = 'nightly <b>job</b>';

/* ---------------------------------------------------------------- helpers */

/** Presses Generate; returns what the server answered, having seen the page show exactly that. */
async function generate(page, context) {
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
  assert.equal(await page.textContent('#source'), answer.source);
  return answer;
}

/** Sends a request as a program would, from the page, with an API key and none of the page's own code. */
function asProgram(page, secret, context) {
  return page.evaluate(async ([bearer, wanted]) => {
    const response = await fetch('/api/ai/generate-form', {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ context: wanted }),
    });
    return { status: response.status, body: await response.json() };
  }, [secret, context]);
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

async function assertRendered(page, answer) {
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

/* ---------------------------------------------------------------- the browser */

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.setDefaultTimeout(patience);
await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin });

const complaints = []; // console errors, uncaught exceptions
const strangers = []; // requests to anywhere else
page.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`); });
page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error}`));
page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
page.on('request', (request) => { if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) strangers.push(request.url()); });

let password;
let job;
let event;
let key;

const checks = [
  ['the page opens under its content security policy', async () => {
    const response = await page.goto(url);
    assert.equal(response.status(), 200);
    assert.match(response.headers()['content-security-policy'] ?? '', /default-src 'none'/);
  }],

  ['the status strip says how the stack is', async () => {
    await page.locator('#status:not([data-state=loading])').waitFor();
    assert.notEqual(await page.getAttribute('#status', 'data-state'), 'down', await page.innerText('#status'));
    assert.match(await page.innerText('#status'), /version \S+/);
  }],

  ['without an account the page says what to do, and calls nothing', async () => {
    const sent = [];
    const note = (request) => sent.push(request.url());
    page.on('request', note);
    await page.click('#generate');
    await page.locator('#alert', { hasText: 'NOT_LOGGED_IN' }).waitFor();
    page.off('request', note);
    assert.deepEqual(sent, []);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.getElementById('alert').childElementCount === 0);
  }],

  ['the page makes up a password that is long enough, and shows it', async () => {
    await page.getByRole('button', { name: 'make one up' }).click();
    password = await page.inputValue('#password');
    assert.ok(password.length >= 15, password);
    assert.equal(await page.getAttribute('#password', 'type'), 'text');
  }],

  ['a newcomer registers', async () => {
    await page.fill('#email', email);
    await page.fill('#name', 'Ada Lovelace');
    await page.click('#register');
    await page.locator('#logout').waitFor();
    await page.getByText(email, { exact: true }).waitFor();
  }],

  ['a newcomer has no API keys, may tick what the account may, and sets no roles', async () => {
    await page.locator('#keys-state', { hasText: 'No keys yet' }).waitFor();
    const { user } = await page.evaluate(() => JSON.parse(sessionStorage.getItem('aura.session')));
    const boxes = await page.locator('#key-scopes input').evaluateAll((all) => all.map((box) => [box.value, box.checked]));
    assert.deepEqual(boxes, user.permissions.map((permission) => [permission, permission === 'ai:use_openai']));
    assert.equal(await page.locator('#set-role').isVisible(), user.permissions.includes('admin:manage_users'));
  }],

  ['a job application is generated, and its rendered fields are the JSON fields', async () => {
    job = await generate(page, jobContext);
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
    event = await generate(page, eventContext);
    await assertRendered(page, event);
    assert.notDeepEqual(event.fields, job.fields);
    assert.ok(event.fields.some(({ fieldName, label }) => /shirt/i.test(`${fieldName} ${label}`)), JSON.stringify(event.fields.map((f) => f.fieldName)));
    assert.equal(await page.locator('#submitted').count(), 0, 'values of the form before are gone');
  }],

  ['the curl tab shows the same request', async () => {
    await page.getByRole('tab', { name: 'curl' }).click();
    const command = await page.textContent('#curl');
    assert.ok(command.includes(`${origin}/api/ai/generate-form`), command);
    assert.ok(command.includes(JSON.stringify({ context: eventContext })), command);
    await page.getByRole('tab', { name: 'JSON' }).click();
  }],

  ['a key needs a name and a scope', async () => {
    await page.click('#create-key');
    assert.ok(await page.$eval('#key-name', (control) => control.validationMessage));
    await page.fill('#key-name', keyName);
    await page.uncheck('#key-scopes input[value="ai:use_openai"]');
    await page.click('#create-key');
    assert.ok(await page.$eval('#key-scopes input', (control) => control.validationMessage));
    await page.check('#key-scopes input[value="ai:use_openai"]');
  }],

  ['a key is created once, even if the first answer is lost, and shown', async () => {
    const attempts = [];
    await page.route('**/api/auth/api-keys', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      attempts.push(await route.request().headerValue('idempotency-key'));
      const response = await route.fetch();
      assert.equal(response.status(), 201, await response.text());
      return attempts.length === 1 ? route.abort() : route.fulfill({ response });
    });
    // The browser itself complains about the lost answer: that one complaint is expected.
    await Promise.all([page.waitForEvent('console', (message) => message.type() === 'error'), page.click('#create-key')]);
    assert.match(complaints.pop(), /ERR_FAILED.*api-keys/);
    await page.locator('#alert', { hasText: 'NO_CONNECTION' }).waitFor();
    await page.click('#create-key');
    await page.locator('#new-key').waitFor();
    await page.unroute('**/api/auth/api-keys');
    assert.match(attempts[0], /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.deepEqual(attempts, [attempts[0], attempts[0]]);
    key = await page.textContent('#new-key');
    assert.match(key, /^aura_[\w-]{86}$/);
    assert.ok((await page.innerText('#made-key')).includes('This is the only time the key is shown.'));
    assert.equal(await page.innerText('#alert'), '');
    await page.getByRole('button', { name: 'check again' }).last().click();
    await page.waitForFunction(() => document.querySelectorAll('#keys li').length === 1);
    const row = await page.innerText('#keys');
    for (const text of [keyName, 'never used', 'ai:use_openai']) assert.ok(row.includes(text), row);
  }],

  ['the command for a program has the key masked until it is copied', async () => {
    const before = await page.textContent('#key-curl');
    assert.ok(before.includes(`${origin}/api/ai/generate-form`) && !before.includes(key), before);
    await page.click('#copy-key-curl');
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(copied.startsWith(`KEY='${key}'\n`), copied);
    await page.click('#copy-key');
    await page.waitForFunction(async (wanted) => await navigator.clipboard.readText() === wanted, key);
  }],

  ['nothing sticks out of a 360 px screen', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await page.setViewportSize({ width: 1280, height: 900 });
  }],

  ['once kept, the key is nowhere on the page', async () => {
    await page.click('#key-kept');
    await page.locator('#create-key').waitFor();
    assert.ok(!(await page.content()).includes(key));
    assert.ok(!(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).includes(key));
  }],

  ['a program with the key gets a form, and the list says when', async () => {
    const { status, body } = await asProgram(page, key, eventContext);
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(body.fields.length > 0, 'the answer has fields');
    await page.getByRole('button', { name: 'check again' }).last().click();
    await page.locator('#keys', { hasText: 'last used' }).waitFor();
  }],

  ['revoking asks first, and leaves an empty list', async () => {
    const revoke = page.getByRole('button', { name: `Revoke ${keyName}`, exact: true });
    await revoke.click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await revoke.click();
    const [response] = await Promise.all([
      page.waitForResponse((r) => r.url().startsWith(`${origin}/api/auth/api-keys/`) && r.request().method() === 'DELETE'),
      page.getByRole('button', { name: 'Revoke it' }).click(),
    ]);
    assert.deepEqual(await response.json(), { success: true });
    await page.locator('#keys-state', { hasText: 'No keys yet' }).waitFor();
    assert.equal(await page.locator('#keys li').count(), 0);
  }],

  ['a reload keeps the session', async () => {
    await Promise.all([page.waitForResponse((r) => r.url() === `${origin}/api/auth/verify` && r.status() === 200), page.reload()]);
    await page.locator('#logout').waitFor();
  }],

  ['logging out forgets the tokens', async () => {
    const [response] = await Promise.all([page.waitForResponse((r) => r.url() === `${origin}/api/auth/logout`), page.click('#logout')]);
    assert.ok(response.ok(), `logout answered ${response.status()}`);
    await page.locator('#login').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.locator('#form').isVisible(), false);
  }],

  ['logging in again opens the same account, and forms come as before', async () => {
    await page.fill('#email', email);
    await page.fill('#password', password);
    await page.click('#login');
    await page.locator('#logout').waitFor();
    const again = await generate(page, eventContext);
    await assertRendered(page, again);
    // A model may answer differently; the rules may not.
    if (event.source === 'fallback' && again.source === 'fallback') assert.deepEqual(again.fields, event.fields);
  }],

  ['no error on the console, no alert left, and nothing asked of another host', async () => {
    assert.deepEqual(complaints, []);
    assert.deepEqual(strangers, []);
    assert.equal(await page.innerText('#alert'), '');
  }],
];

/* ---------------------------------------------------------------- the run */

let passed = 0;
let failed = 0;
let broken = false;
const last = checks.length - 1;
for (const [index, [name, check]] of checks.entries()) {
  // Each check stands on those before it; only the last, which looks back, is worth running after a failure.
  if (broken && index !== last) {
    failed += 1;
    console.log(`not reached  ${name}`);
    continue;
  }
  try {
    await check();
    passed += 1;
    console.log(`ok           ${name}`);
  } catch (error) {
    failed += 1;
    broken = true;
    console.log(`FAILED       ${name}\n${String(error.stack ?? error).replaceAll(/^/gm, '             ')}`);
    const alert = await page.innerText('#alert', { timeout: 1000 }).catch(() => '');
    if (alert) console.log(`             the page's alert: ${alert.replaceAll(/\s+/g, ' ')}`);
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
