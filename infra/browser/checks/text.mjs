// A query, a summary and a completion; what they cost.

import assert from 'node:assert/strict';

const article = 'The harbour of Trieste was rebuilt in 1719. Ships from four seas unload there today. '
  + 'A free port pays no customs, and that is why the harbour grew while its neighbours shrank. '
  + 'In summer the wind called Bora rarely blows, and the cranes of the harbour work day and night.';

/** A month with two operations on three days, in the shape of GET /api/usage. */
const line = (day, operation, spent) => ({
  day, operation, model: 'gpt-6-luna', calls: 2, spent, unconfirmedCalls: 0, unconfirmed: 0, cacheHits: 1, saved: 0.0004,
  promptTokens: 900, cachedTokens: 0, completionTokens: 120,
});
const month = {
  user: 'u', spent: 0.0231, unconfirmed: 0, reserved: 0.001, saved: 0.0012,
  budgets: [{ budget: 'per user and day', cap: 1, used: 0.0231, left: 0.9769, resetsAt: '2099-01-01T00:00:00Z' }],
  lines: [line('2026-11-26', 'summarize', 0.0021), line('2026-11-24', 'generate-form', 0.02), line('2026-11-24', 'summarize', 0.001)],
};

export default ({ page, origin, complaints }) => {
  /** Presses a button; the answer of the call that it makes. */
  const press = async (button, path) => {
    const [response] = await Promise.all([page.waitForResponse((r) => r.url() === `${origin}${path}`), page.click(button)]);
    return { status: response.status(), answer: await response.json() };
  };

  return [
    ['a query is said better, with its terms and its intent', async () => {
      await page.fill('#query', 'where are the settings for notifications');
      const { status, answer } = await press('#enhance', '/api/ai/enhance-query');
      assert.equal(status, 200, JSON.stringify(answer));
      await page.locator('#query-answer', { hasText: answer.enhancedQuery }).waitFor();
      const shown = await page.locator('#query-answer .permissions code').allTextContents();
      assert.deepEqual(shown, answer.searchTerms);
      assert.ok((await page.innerText('#query-answer')).includes(answer.intent));
    }],

    ['a text becomes a shorter one, as short as asked for', async () => {
      await page.getByRole('tab', { name: 'Summary' }).click();
      await page.fill('#content', article);
      await page.fill('#max-length', '100');
      assert.equal(await page.textContent('#max-length-shown'), '100');
      const { status, answer } = await press('#summarize', '/api/ai/summarize');
      assert.equal(status, 200, JSON.stringify(answer));
      await page.locator('#summary-answer .read', { hasText: answer.summary }).waitFor();
      assert.ok(answer.summary.length <= 100 && answer.summary.length > 0, answer.summary);
    }],

    ['code is carried on, or the page says which setting is missing', async () => {
      await page.getByRole('tab', { name: 'Code' }).click();
      await page.click('#complete');
      assert.ok(await page.$eval('#code', (control) => control.validationMessage), 'code is needed');
      await page.fill('#code', 'fn double(n: u32) -> u32 {');
      const { status, answer } = await press('#complete', '/api/ai/complete-code');
      if (status === 200) {
        await page.locator('#code-answer', { hasText: answer.completion.trim().split('\n')[0] }).waitFor();
      } else {
        assert.equal(answer.code, 'PROVIDER_UNCONFIGURED');
        await page.locator('#alert', { hasText: 'OPENAI_API_KEY' }).waitFor();
        assert.match(complaints.pop(), /503/); // the browser's own note of the refusal
        await page.keyboard.press('Escape');
      }
      await page.getByRole('tab', { name: 'Query' }).click();
    }],

    ['spending is what the ledger says', async () => {
      const { status, answer } = await press('#usage-again', '/api/usage?months=1');
      assert.equal(status, 200, JSON.stringify(answer));
      assert.equal(await page.locator('#usage-budgets li').count(), answer.budgets.length);
      if (answer.lines.length === 0) await page.locator('#usage-state', { hasText: 'Nothing has been spent yet' }).waitFor();
      else assert.equal(await page.locator('#usage-table tbody tr').count(), answer.lines.length);
    }],

    ['a month with spending has a bar a day, split by operation, and the same in a table', async () => {
      await page.route('**/api/usage?*', (route) => route.fulfill({ json: month }));
      await page.click('#usage-again');
      await page.locator('#usage-chart svg').waitFor();
      const bars = await page.locator('#usage-chart svg g').evaluateAll((all) => all.map((bar) => [bar.querySelector('title').textContent, bar.querySelectorAll('rect').length]));
      assert.deepEqual(bars.map(([, parts]) => parts), [2, 0, 1]);
      assert.match(bars[0][0], /^2026-11-24: \$0\.0210 \(generate-form \$0\.0200, summarize \$0\.00100\)$/);
      assert.deepEqual(await page.locator('#usage-legend li').allTextContents(), ['generate-form', 'summarize']);
      assert.equal(await page.locator('#usage-table tbody tr').count(), 3);
      assert.match(await page.innerText('#usage-sums'), /saved by known answers\s+\$0\.00120/);
      await page.unroute('**/api/usage?*');
      await press('#usage-again', '/api/usage?months=1');
    }],
  ];
};
