// What must never have happened.

import assert from 'node:assert/strict';

export default ({ page, complaints, strangers }) => [
  ['no error on the console, no alert left, and nothing asked of another host', async () => {
    assert.deepEqual(complaints, []);
    assert.deepEqual(strangers, []);
    assert.equal(await page.innerText('#alert'), '');
  }],
];
