// A picture: boxes, palette, words and a cut-out; a large one takes the way over S3.

import assert from 'node:assert/strict';

const analysis = {
  analysis: {
    faces: [{ boundingBox: { left: 10, top: 20, width: 30, height: 40 }, confidence: .9, emotions: { joy: .75, sorrow: 0, anger: 0, surprise: 0 }, landmarks: [{ type: 'NOSE_TIP', position: { x: 25, y: 40, z: 0 } }] }],
    objects: [{ name: 'Cup <b>', confidence: .8, boundingBox: { left: 50, top: 10, width: 40, height: 60 } }],
    text: { text: 'HELLO', confidence: .9, language: 'en', blocks: [{ text: 'HELLO', confidence: .9, boundingBox: { left: 5, top: 80, width: 60, height: 10 } }] },
    labels: [{ description: 'Cup', score: .9 }],
    safeSearch: { adult: 'VERY_UNLIKELY', spoof: 'POSSIBLE', medical: 'UNLIKELY', violence: 'UNLIKELY', racy: 'UNLIKELY' },
    colors: [{ color: { red: 255, green: 0, blue: 16 }, score: .6, pixelFraction: .4 }],
    cropHints: [{ boundingBox: { left: 0, top: 0, width: 100, height: 100 }, confidence: .5, importanceFraction: 1 }],
  },
  image: { width: 100, height: 100 }, cached: false, source: 'google',
};
/** One pixel, red. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

export default ({ page, origin, complaints, strangers }) => {
  /** A picture of this browser's own making, as a file. */
  const draw = async (width, height, type, noise = false) => Buffer.from(await page.evaluate(async ([w, h, kind, noisy]) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: w, height: h });
    const brush = canvas.getContext('2d');
    brush.fillStyle = '#20a0e0';
    brush.fillRect(0, 0, w, h);
    brush.fillStyle = '#e05020';
    brush.fillRect(0, 0, w, h / 4);
    if (noisy) {
      const pixels = brush.getImageData(0, 0, w, h);
      let state = 7;
      for (let at = 0; at < pixels.data.length; at += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        if (at % 4 !== 3) pixels.data[at] = state >>> 24;
      }
      brush.putImageData(pixels, 0, 0);
    }
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, kind); });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, [width, height, type, noise]));

  const choose = (name, mimeType, buffer) => page.setInputFiles('#image-file', { name, mimeType, buffer });

  return [
    ['a picture without a provider shows its colours, counted here', async () => {
      await choose('stripes.png', 'image/png', await draw(64, 64, 'image/png'));
      await page.locator('#image-note', { hasText: 'fits into a request' }).waitFor();
      const answers = [];
      page.on('response', (response) => { if (response.url() === `${origin}/api/ai/analyze-image`) answers.push(response.status()); });
      await page.click('#analyze');
      await page.locator('#image-answer .palette li').first().waitFor();
      if (answers[0] === 503) {
        await page.locator('#image-answer', { hasText: 'counted here' }).waitFor();
        assert.match(complaints.pop(), /503/);
        const colors = await page.locator('#image-answer .palette title').allTextContents();
        assert.deepEqual(colors.toSorted(), ['#20a0e0', '#e05020']);
      }
    }],

    ['faces, objects and text are framed where they are, and shown as text', async () => {
      await page.route('**/api/ai/analyze-image', (route) => route.fulfill({ json: analysis }));
      await page.click('#analyze');
      await page.locator('#boxes rect.object').waitFor();
      assert.equal(await page.getAttribute('#boxes', 'viewBox'), '0 0 100 100');
      const frame = await page.$eval('#boxes rect.face', (rect) => ['x', 'y', 'width', 'height'].map((name) => rect.getAttribute(name)));
      assert.deepEqual(frame, ['10', '20', '30', '40']);
      assert.equal(await page.locator('#boxes rect').count(), 4);
      assert.equal(await page.locator('#boxes circle').count(), 1);
      assert.equal(await page.textContent('#boxes rect.object title'), 'Cup <b>');
      assert.match(await page.innerText('#image-answer'), /HELLO[^]*spoof \(possible\)/);
      await page.unroute('**/api/ai/analyze-image');
    }],

    ['a cut-out lies over a checkerboard', async () => {
      await page.route('**/api/ai/remove-background', (route) => route.fulfill({ json: { image: `data:image/png;base64,${pixel}`, width: 1, height: 1, creditsCharged: .25, cached: false } }));
      await page.click('#cut-out');
      await page.locator('#cut-note', { hasText: '0.25 credits' }).waitFor();
      assert.ok(await page.$eval('#cut', (img) => img.decode().then(() => img.naturalWidth === 1)));
      assert.match(await page.$eval('.checkerboard', (node) => getComputedStyle(node).backgroundImage), /conic-gradient/);
      await page.unroute('**/api/ai/remove-background');
    }],

    ['a picture too large for a request goes to S3 first', async () => {
      const large = await draw(1600, 1300, 'image/png', true);
      assert.ok(large.length > 4_600_000 && large.length < 20_000_000, `${large.length} bytes`);
      await choose('noise.png', 'image/png', large);
      await page.locator('#image-note', { hasText: 'goes to S3 first' }).waitFor();
      const [form, put, look] = await Promise.all([
        page.waitForResponse(`${origin}/api/uploads`),
        page.waitForResponse((response) => response.request().method() === 'POST' && !response.url().startsWith(origin)),
        page.waitForResponse(`${origin}/api/ai/analyze-image`),
        page.click('#analyze'),
      ]);
      const { url, imageKey } = await form.json();
      assert.deepEqual([form.status(), put.status(), put.url()], [201, 204, url]);
      assert.equal(look.request().postDataJSON().imageKey, imageKey);
      await page.locator('#image-answer .palette li').first().waitFor();
      if (look.status() === 503) assert.match(complaints.pop(), /503/);
      // S3 is where the form says; nobody else is spoken to.
      assert.deepEqual(strangers.filter((stranger) => !stranger.startsWith(url)), []);
      strangers.length = 0;
    }],
  ];
};
