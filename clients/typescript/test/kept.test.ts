// What outlives a page: the document, the queue with its numbers, and the work of pages that are gone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Room } from '../src/room.js';
import { MemoryStore } from '../src/store.js';
import { TestClock } from './clock.js';
import { Disk, type Page } from './pages.js';
import { enter, NONE, Server } from './server.js';

async function world(): Promise<{ clock: TestClock; server: Server; disk: Disk; page: Page; room: Room }> {
  const clock = new TestClock(3);
  const server = new Server(clock);
  const disk = new Disk(clock);
  const page = disk.page();
  const room = await enter(server, { store: page });
  await clock.until(() => room.connected);
  return { clock, server, disk, page, room };
}

/** Ends a page as a crash does: nothing of it happens any more. */
function crash(page: Page, room: Room): void {
  page.crash();
  room.disconnect();
}

test('a page that is opened again without a network has the document and goes on', async () => {
  const { clock, server, disk, page, room } = await world();
  room.edit({ type: 'insert', position: 0, content: 'stored ' });
  await clock.until(() => room.saved);
  server.reachable = false;
  server.cut();
  room.edit({ type: 'insert', position: 7, content: 'offline' });
  await clock.pass(200);
  crash(page, room);

  const again = await enter(server, { store: disk.page() });
  assert.equal(again.ready, true);
  assert.equal(again.text, 'stored offline');
  assert.equal(again.saved, false);
  again.edit({ type: 'insert', position: 14, content: '!' });
  await clock.pass(5_000);
  server.reachable = true;
  await clock.until(() => again.saved);
  assert.equal(server.text, 'stored offline!');
  assert.deepEqual(server.violations, []);
});

test('what is said to be kept is there after a crash, whenever it is said', async () => {
  for (let pause = 0; pause < 80; pause += 5) {
    const { clock, server, disk, page, room } = await world();
    disk.latency = 40;
    server.reachable = false;
    server.cut();
    await clock.pass(1);
    const said: boolean[] = [];
    room.on('kept', ({ kept }) => said.push(kept));
    for (let at = 0; at < 4; at += 1) {
      room.edit({ type: 'insert', position: at, content: String(at) });
      assert.equal(room.kept, false, 'it is not kept in the moment of writing');
      await clock.pass(pause);
    }
    await clock.until(() => room.kept);
    assert.equal(said.at(-1), true);
    assert.equal(room.saved, false);
    crash(page, room);
    const again = await enter(server, { store: disk.page() });
    assert.equal(again.text, '0123', `with ${pause} ms between keys`);
  }
});

test('nothing is kept by a store that ends with the page', async () => {
  const clock = new TestClock(3);
  const server = new Server(clock);
  const room = await enter(server, { store: new MemoryStore() });
  await clock.until(() => room.connected);
  assert.equal(room.kept, true);
  room.edit({ type: 'insert', position: 0, content: 'x' });
  assert.equal(room.kept, false);
  await clock.until(() => room.saved);
  assert.equal(room.kept, true);
  server.reachable = false;
  server.cut();
  room.edit({ type: 'insert', position: 0, content: 'y' });
  await clock.pass(10_000);
  assert.equal(room.kept, false);
});

test('a page that goes writes at once what it had collected', async () => {
  const { clock, server, disk, page, room } = await world();
  disk.latency = 0;
  server.reachable = false;
  server.cut();
  room.edit({ type: 'insert', position: 0, content: 'last words' });
  void room.flush();
  await clock.pass(1); // far less than changes are collected for
  crash(page, room);
  assert.equal((await enter(server, { store: disk.page() })).text, 'last words');
});

test('what was on its way when the page ended is sent under the same session and number', async () => {
  const { clock, server, disk, page, room } = await world();
  server.faults = { ...NONE, killAfter: 1 };
  room.edit({ type: 'insert', position: 0, content: 'x' });
  await clock.until(() => server.rev === 1);
  crash(page, room);
  server.faults = NONE;
  const again = await enter(server, { store: disk.page() });
  assert.equal(again.saved, false);
  again.edit({ type: 'insert', position: 1, content: 'y' });
  await clock.until(() => again.saved);
  assert.equal(server.text, 'xy');
  assert.deepEqual(server.log.map(({ n }) => n), [1, 2]);
  assert.equal(new Set(server.log.map(({ session }) => session)).size, 1);
});

test('no number is used twice, whenever the page ends', async () => {
  for (let after = 0; after < 60; after += 3) {
    const { clock, server, disk, page, room } = await world();
    disk.latency = 30;
    for (let at = 0; at < 10; at += 1) {
      room.edit({ type: 'insert', position: at, content: String(at) });
      await clock.pass(3);
    }
    await clock.pass(after);
    crash(page, room);
    const again = await enter(server, { store: disk.page() });
    await clock.until(() => again.connected);
    again.edit({ type: 'insert', position: 0, content: '-' });
    await clock.until(() => again.saved);
    assert.equal(again.text, server.text);
    assert.deepEqual(server.violations, [], `ended after ${after} ms`);
  }
});

test('two tabs have a session each, and both write', async () => {
  const { clock, server, disk, room } = await world();
  const other = await enter(server, { store: disk.page() });
  await clock.until(() => other.connected);
  room.edit({ type: 'insert', position: 0, content: 'a' });
  other.edit({ type: 'insert', position: 0, content: 'b' });
  await clock.until(() => room.saved && other.saved && room.text === other.text && room.text.length === 2);
  assert.equal(new Set(server.log.map(({ session }) => session)).size, 2);
});

test('what tabs left unsent when they crashed is sent by the next one', async () => {
  const { clock, server, disk, page, room } = await world();
  const store = disk.page();
  const other = await enter(server, { store });
  await clock.until(() => other.connected);
  room.edit({ type: 'insert', position: 0, content: 'common ' });
  await clock.until(() => other.text === 'common ');
  server.faults = { ...NONE, killAfter: 1 };
  other.edit({ type: 'insert', position: 7, content: 'B' }); // stored, and not known to be
  await clock.until(() => server.rev === 2);
  server.reachable = false;
  server.cut();
  room.edit({ type: 'insert', position: 0, content: 'A' });
  other.edit({ type: 'insert', position: 8, content: 'C' });
  await clock.pass(200);
  crash(page, room);
  crash(store, other);
  server.faults = NONE;
  server.reachable = true;

  const next = await enter(server, { store: disk.page() });
  await clock.until(() => next.saved && next.connected);
  assert.equal(server.text, 'Acommon BC');
  assert.equal(next.text, server.text);
  assert.deepEqual(server.violations, []);
  await clock.pass(200);
  assert.equal(new Set([...disk.kept.keys()].map((name) => name.split('/')[2])).size, 1, 'one session is left');
  // Taken over once: the next page finds nothing to send.
  await next.leave();
  const rev = server.rev;
  const last = await enter(server, { store: disk.page() });
  await clock.until(() => last.connected);
  await clock.pass(1_000);
  assert.equal(last.saved, true);
  assert.equal(server.rev, rev);
});

test('what is kept stays small', async () => {
  const { clock, disk, server, room } = await world();
  for (let at = 0; at < 400; at += 1) {
    room.edit({ type: 'insert', position: at, content: 'x' });
    await clock.pass(60);
  }
  await clock.until(() => room.saved);
  await clock.pass(200);
  assert.ok(disk.kept.size < 110, `${disk.kept.size} records`);
  await room.leave();
  const again = await enter(server, { store: disk.page() });
  assert.equal(again.text, 'x'.repeat(400));
});

test('a store that fails is said once, and the room goes on in memory', async () => {
  const { clock, server, page, disk, room } = await world();
  let failures = 0;
  room.on('store-failed', () => (failures += 1));
  room.edit({ type: 'insert', position: 0, content: 'a' });
  await clock.until(() => room.saved);
  await clock.pass(200);
  page.full = true;
  assert.equal(room.kept, true);
  for (let at = 1; at < 10; at += 1) {
    room.edit({ type: 'insert', position: at, content: String(at) });
    await clock.pass(200);
  }
  server.cut();
  await clock.until(() => room.connected);
  room.edit({ type: 'insert', position: 0, content: 'z' });
  await clock.until(() => room.saved);
  assert.equal(failures, 1);
  server.reachable = false;
  server.cut();
  room.edit({ type: 'insert', position: 0, content: 'y' });
  await clock.pass(1_000);
  assert.equal(room.kept, false, 'memory ends with the page');
  server.reachable = true;
  await clock.until(() => room.saved);
  assert.equal(room.kept, true);
  crash(page, room);
  const again = await enter(server, { store: disk.page() });
  await clock.until(() => again.connected);
  again.edit({ type: 'insert', position: 0, content: '-' });
  await clock.until(() => again.saved);
  assert.equal(again.text, '-yza123456789');
  assert.equal(again.text, server.text);
});

test('accounts do not share a copy', async () => {
  const { clock, server, disk, room } = await world();
  room.edit({ type: 'insert', position: 0, content: 'secret' });
  await clock.until(() => room.saved);
  const left = room.leave();
  await clock.pass(100);
  await left;
  const store = disk.page();
  const other = await Room.open('r', { clock, store, Socket: server.Socket, ticket: server.ticket, state: server.state, account: 'b' });
  assert.equal(other.text, '');
  assert.equal(other.ready, false);
});

test('a copy can be removed once everything is saved, and not before', async () => {
  const { clock, server, disk, room } = await world();
  room.edit({ type: 'insert', position: 0, content: 'x' });
  await clock.until(() => room.saved);
  let left = room.leave(true);
  await clock.pass(200);
  await left;
  assert.equal(disk.kept.size, 0);
  const again = await enter(server, { store: disk.page() });
  await clock.until(() => again.connected);
  server.reachable = false;
  again.edit({ type: 'insert', position: 0, content: 'y' });
  left = again.leave(true);
  await clock.pass(200);
  await left;
  server.reachable = true;
  const last = await enter(server, { store: disk.page() });
  await clock.until(() => last.connected && last.saved);
  assert.equal(server.text, 'yx');
});
