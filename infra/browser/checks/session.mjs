// The session outlives a reload and ends with a logout.

import assert from 'node:assert/strict';
import { assertRendered, eventContext, generate } from './generate.mjs';

export default ({ page, origin, email, state }) => [
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
    await page.fill('#password', state.password);
    await page.click('#login');
    await page.locator('#logout').waitFor();
    const again = await generate({ page, origin }, eventContext);
    await assertRendered(page, again);
    // A model may answer differently; the rules may not.
    if (state.event.source === 'fallback' && again.source === 'fallback') assert.deepEqual(again.fields, state.event.fields);
  }],
];
