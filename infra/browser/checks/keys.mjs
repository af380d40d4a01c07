// API keys: made once, shown once, used by a program, revoked.

import assert from 'node:assert/strict';
import { eventContext } from './generate.mjs';

const keyName = 'nightly <b>job</b>';
let key;

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

export default ({ page, origin, complaints }) => [
  ['a newcomer has no API keys, may tick what the account may, and sets no roles', async () => {
    await page.locator('#keys-state', { hasText: 'No keys yet' }).waitFor();
    const { user } = await page.evaluate(() => JSON.parse(sessionStorage.getItem('aura.session')));
    const boxes = await page.locator('#key-scopes input').evaluateAll((all) => all.map((box) => [box.value, box.checked]));
    assert.deepEqual(boxes, user.permissions.map((permission) => [permission, permission === 'ai:use_openai']));
    assert.equal(await page.locator('#set-role').isVisible(), user.permissions.includes('admin:manage_users'));
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
    await page.click('[data-panel=keys] [data-part=again]');
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
    await page.click('[data-panel=keys] [data-part=again]');
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
];
