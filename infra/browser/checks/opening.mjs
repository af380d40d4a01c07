// The page opens, and a newcomer registers.

import assert from 'node:assert/strict';

export default ({ page, url, email, state }) => [
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
    state.password = await page.inputValue('#password');
    assert.ok(state.password.length >= 15, state.password);
    assert.equal(await page.getAttribute('#password', 'type'), 'text');
  }],

  ['a newcomer registers', async () => {
    await page.fill('#email', email);
    await page.fill('#name', 'Ada Lovelace');
    await page.click('#register');
    await page.locator('#logout').waitFor();
    await page.getByText(email, { exact: true }).waitFor();
  }],
];
