// Documents are indexed with a progress bar, found with their matches marked, and deleted.

import assert from 'node:assert/strict';

export default ({ page, origin }) => {
  const press = async (button, path) => {
    const [response] = await Promise.all([page.waitForResponse((r) => r.url() === `${origin}${path}`), page.click(button)]);
    return { status: response.status(), answer: await response.json() };
  };

  return [
    ['documents are indexed in the background, and the bar says how far', async () => {
      await page.fill('#document-tags', 'travel, notes');
      const { status, answer } = await press('#index', '/api/ai/index-documents');
      assert.equal(status, 202, JSON.stringify(answer));
      assert.equal(answer.total, 4);
      await page.locator('[data-panel=library] [data-part=told]', { hasText: '4 of 4 documents: 4 indexed, 0 unchanged, 0 failed; done.' }).waitFor();
      assert.equal(await page.$eval('#indexing', (bar) => bar.value), 1);
    }],

    ['a search marks what matches and takes its scores apart', async () => {
      await page.fill('#search-query', 'when does the ferry leave?');
      await page.fill('#search-filter', '{"tags": {"$in": ["travel"]}}');
      const { status, answer } = await press('#search', '/api/ai/search');
      assert.equal(status, 200, JSON.stringify(answer));
      const first = page.locator('#search-results li').first();
      await first.waitFor();
      assert.equal(await first.getAttribute('data-id'), 'ferries');
      assert.deepEqual(await first.locator('mark').allTextContents(), ['ferry', 'leaves']);
      const [whole, meaning, words] = await first.locator('meter').evaluateAll((meters) => meters.map((meter) => meter.value));
      assert.ok(whole > 0 && Math.abs(whole - meaning - words) < 0.01, `${whole} = ${meaning} + ${words}`);
      assert.match(await page.innerText('#search-results'), /the query means question/);
    }],

    ['a filter that is no JSON is not sent, and one that means nothing finds nothing', async () => {
      await page.fill('#search-filter', '{tags}');
      await page.click('#search');
      assert.ok(await page.$eval('#search-filter', (control) => control.validationMessage));
      await page.fill('#search-filter', '{"tags": "nowhere"}');
      await press('#search', '/api/ai/search');
      await page.locator('#search-results', { hasText: '0 documents' }).waitFor();
    }],

    ['all documents are deleted at once', async () => {
      const { answer } = await press('#empty-library', '/api/ai/documents');
      assert.equal(answer.deleted, 4);
      await page.locator('[data-panel=library] [data-part=told]', { hasText: '4 documents were deleted.' }).waitFor();
      await page.fill('#search-filter', '');
      await press('#search', '/api/ai/search');
      await page.locator('#search-results', { hasText: '0 documents' }).waitFor();
    }],
  ];
};
