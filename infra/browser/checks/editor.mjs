// Two people in two windows write one text: live, with cursors, through a network that goes away, and over a reload.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export default ({ browser, url, email, state, patience, watch, complaints }) => {
  const windows = [];

  /** A window of its own: another browser, as far as anything stored goes. */
  const opened = async (fill, press) => {
    const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
    await context.addInitScript(() => {
      const Real = WebSocket;
      window.sockets = [];
      window.WebSocket = class extends Real {
        constructor(...of) {
          super(...of);
          window.sockets.push(this);
        }
      };
    });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    watch(page);
    windows.push(context);
    await page.goto(url);
    for (const [field, value] of Object.entries(fill)) await page.fill(field, value);
    await page.click(press);
    await page.locator('#logout').waitFor();
    return page;
  };
  const text = (page) => page.inputValue('#shared-text');
  const reads = (page, wanted) => page.waitForFunction((value) => document.getElementById('shared-text').value === value, wanted);
  const says = (page, words) => page.waitForFunction((wanted) => document.getElementById('room-status').textContent === wanted, words);
  /** Types at a place, key by key. */
  const types = async (page, at, words) => {
    await page.$eval('#shared-text', (area, place) => { area.focus(); area.setSelectionRange(place, place); }, at);
    await page.keyboard.type(words);
  };
  /** Ends a window's sockets, as a network that goes away does. */
  const cut = (page) => page.evaluate(() => { for (const socket of window.sockets) socket.close(); });
  /** The browser's own notes of requests that were meant to fail. */
  const forgive = (note) => complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !note.test(complaint)));
  let ada;
  let bob;
  let room;

  return [
    ['a room is made, and somebody is let in by their id', async () => {
      ada = await opened({ '#email': email, '#password': state.password }, '#login');
      bob = await opened({ '#email': `guest-${randomUUID()}@example.com`, '#name': 'Bob <b>Stone</b>', '#password': 'three green lamps at noon' }, '#register');
      await ada.fill('#room-name', 'Minutes <i>of Monday</i>');
      await ada.click('#create-room');
      await ada.locator('#room-title', { hasText: 'Minutes <i>of Monday</i>' }).waitFor();
      await says(ada, 'saved');
      room = new URL(ada.url()).hash;
      assert.match(room, /^#room=/);
      const guest = await bob.textContent('#my-id');
      await ada.fill('#guest', guest);
      const [response] = await Promise.all([ada.waitForResponse((r) => r.url().includes('/members/')), ada.click('#invite')]);
      assert.equal(response.status(), 200, await response.text());
      await bob.click('[data-panel=editor] [data-part=again]');
      await bob.locator('#rooms button', { hasText: 'Minutes' }).click();
      await says(bob, 'saved');
    }],

    ['each sees who is here', async () => {
      for (const page of [ada, bob]) {
        await page.waitForFunction(() => document.querySelectorAll('#people li').length === 2);
        const names = await page.locator('#people li').allTextContents();
        assert.deepEqual(names.map((name) => name.replace(' (you)', '')).sort(), ['Ada Lovelace', 'Bob <b>Stone</b>']);
      }
    }],

    ['both type at once, and read the same', async () => {
      await types(ada, 0, 'Hello Grüße 😀');
      await reads(bob, 'Hello Grüße 😀');
      const { length } = await text(ada);
      await Promise.all([types(ada, 0, 'Ada writes at the front. '), types(bob, length, ' Bob writes at the end.')]);
      const whole = 'Ada writes at the front. Hello Grüße 😀 Bob writes at the end.';
      await Promise.all([reads(ada, whole), reads(bob, whole), says(ada, 'saved'), says(bob, 'saved')]);
    }],

    ['a caret stays where it is while others write before it', async () => {
      await ada.$eval('#shared-text', (area) => { area.focus(); area.setSelectionRange(10, 10); });
      await types(bob, 0, '12345');
      await ada.waitForFunction(() => document.getElementById('shared-text').value.startsWith('12345'));
      assert.deepEqual(await ada.$eval('#shared-text', (area) => [area.selectionStart, area.selectionEnd]), [15, 15]);
      for (let press = 0; press < 5; press += 1) await bob.keyboard.press('Backspace');
      await reads(ada, 'Ada writes at the front. Hello Grüße 😀 Bob writes at the end.');
    }],

    ['cursors are shown with names, at their places', async () => {
      await bob.$eval('#shared-text', (area) => { area.focus(); area.setSelectionRange(3, 3); });
      await ada.waitForFunction(() => {
        const caret = document.querySelector('.mirror .caret');
        return caret?.dataset.name === 'Bob <b>Stone</b>' && caret.previousSibling?.textContent === 'Ada';
      });
    }],

    ['without a network one goes on writing, and nothing is lost when it is back', async () => {
      await ada.context().setOffline(true);
      await cut(ada);
      const before = await text(ada);
      await types(ada, 0, 'Written offline. ');
      await ada.waitForFunction(() => document.getElementById('room-status').textContent !== 'saved');
      await types(bob, before.length, ' Meanwhile.');
      await says(bob, 'saved');
      assert.equal(await text(bob), `${before} Meanwhile.`);
      await ada.context().setOffline(false);
      const whole = `Written offline. ${before} Meanwhile.`;
      await Promise.all([reads(ada, whole), reads(bob, whole), says(ada, 'saved')]);
      forgive(/ERR_INTERNET_DISCONNECTED/);
    }],

    ['what was written offline survives a reload, too', async () => {
      await ada.context().route('**/ticket', (route) => route.abort());
      await cut(ada);
      await types(ada, 0, 'Kept. ');
      const wanted = await text(ada);
      await says(ada, 'offline, kept here until there is a network');
      await ada.reload();
      await reads(ada, wanted);
      assert.notEqual(await ada.textContent('#room-status'), 'saved');
      assert.notEqual(await text(bob), wanted);
      await ada.context().unroute('**/ticket');
      await ada.evaluate(() => window.dispatchEvent(new Event('online'))); // as browsers say that there is a network
      await Promise.all([reads(ada, wanted), reads(bob, wanted), says(ada, 'saved')]);
      forgive(/ERR_FAILED/);
      assert.equal(new URL(ada.url()).hash, room);
    }],

    ['who leaves is gone, and after a logout nothing is left', async () => {
      await bob.click('#leave-room');
      await ada.waitForFunction(() => document.querySelectorAll('#people li').length === 1);
      await ada.click('#logout');
      await ada.locator('#login').waitFor();
      assert.equal(await ada.isVisible('#room'), false);
      assert.equal(await text(ada), '');
      assert.equal(await ada.evaluate(() => document.body.innerText.includes('Minutes')), false);
      await ada.waitForFunction(async () => {
        const database = await new Promise((resolve, reject) => Object.assign(indexedDB.open('aura'), { onsuccess: (event) => resolve(event.target.result), onerror: reject }));
        const names = await new Promise((resolve) => { database.transaction('bytes').objectStore('bytes').getAllKeys().onsuccess = (event) => resolve(event.target.result); });
        database.close();
        return names.length === 0;
      });
      for (const context of windows) await context.close();
    }],
  ];
};
