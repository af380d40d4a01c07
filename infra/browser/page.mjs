// The page at the local stack's `/`, used as a newcomer would use it, in a real browser:
//   node page.mjs http://127.0.0.1:PORT/        (infra/browser/run installs what this needs)
// Registers a fresh account each time, so it can run again and again against the same data.
// Waits are for conditions, never for time. A check that could not be reached counts as failed.
// Each file of checks/ takes what stands below in `context` and returns [name, check] pairs, in the order of a visit.

import { randomUUID } from 'node:crypto';
import { chromium } from 'playwright-core';

import editor from './checks/editor.mjs';
import generate from './checks/generate.mjs';
import images from './checks/images.mjs';
import keys from './checks/keys.mjs';
import lookingBack from './checks/looking_back.mjs';
import opening from './checks/opening.mjs';
import search from './checks/search.mjs';
import session from './checks/session.mjs';
import text from './checks/text.mjs';

const url = process.argv[2];
if (!url) {
  console.error('usage: node page.mjs URL-OF-THE-PAGE');
  process.exit(2);
}
const { origin } = new URL(url);
const email = `newcomer-${randomUUID()}@example.com`;
const patience = 15_000;

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
function watch(window) {
  window.on('console', (message) => { if (message.type() === 'error') complaints.push(`${message.text()} (${message.location().url})`); });
  window.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error}`));
  window.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  window.on('request', (request) => { if (!request.url().startsWith(`${origin}/`) && !/^(data|blob):/.test(request.url())) strangers.push(request.url()); });
}
watch(page);

// `state` is what one file of checks leaves for the next.
const context = { page, browser, url, origin, email, patience, watch, complaints, strangers, state: {} };
const checks = [opening, generate, text, images, search, keys, session, editor, lookingBack].flatMap((file) => file(context));

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
