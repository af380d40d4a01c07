// A room beside a server in memory: what a client does on good days and after each kind of bad one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { TestClock } from './clock.js';
import { enter, NONE, Server, two } from './server.js';

test('what one writes the other reads, and it is saved once it is stored', async () => {
  const { clock, server, ann, bob } = await two();
  const saved: boolean[] = [];
  ann.on('saved', (event) => saved.push(event.saved));
  ann.edit({ type: 'insert', position: 0, content: 'hello' });
  assert.equal(ann.saved, false);
  await clock.until(() => bob.text === 'hello' && ann.saved);
  assert.deepEqual(saved, [false, true]);
  bob.edit({ type: 'replace', position: 0, length: 1, content: 'J' });
  bob.edit({ type: 'delete', position: 4, length: 1 });
  await clock.until(() => ann.text === 'Jell' && bob.saved);
  assert.equal(server.text, 'Jell');
  assert.deepEqual(server.violations, []);
});

test('edits are told as they were made, with whose they are', async () => {
  const { clock, ann, bob } = await two();
  const heard: unknown[] = [];
  bob.on('document-changed', ({ edits, local, by, text }) => heard.push({ edits, local, by, text }));
  ann.edit({ type: 'insert', position: 0, content: 'abc' });
  await clock.until(() => bob.text === 'abc');
  bob.edit({ type: 'replace', position: 1, length: 1, content: 'xy' });
  assert.deepEqual(heard, [
    { edits: [{ type: 'insert', position: 0, content: 'abc' }], local: false, by: ann.you, text: 'abc' },
    { edits: [{ type: 'delete', position: 1, length: 1 }, { type: 'insert', position: 1, content: 'xy' }], local: true, by: undefined, text: 'axyc' },
  ]);
});

test('an edit outside the text or within a character is refused and changes nothing', async () => {
  const { clock, ann } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'a😀b' });
  for (const edit of [
    { type: 'insert', position: 5, content: 'x' },
    { type: 'insert', position: 2, content: 'x' },
    { type: 'insert', position: 0, content: '\ud800' },
    { type: 'delete', position: 2, length: 3 },
    { type: 'delete', position: 1, length: 1 },
    { type: 'insert', position: -1, content: 'x' },
    { type: 'insert', position: 0.5, content: 'x' },
  ] as const) assert.throws(() => ann.edit(edit), RangeError, JSON.stringify(edit));
  assert.equal(ann.text, 'a😀b');
  ann.edit({ type: 'delete', position: 1, length: 2 });
  await clock.until(() => ann.saved);
  assert.equal(ann.text, 'ab');
});

test('one update is on its way at a time, and what is typed meanwhile goes together', async () => {
  const { clock, server, ann, bob } = await two();
  server.faults = { ...NONE, delay: 40 };
  for (let at = 0; at < 500; at += 1) ann.edit({ type: 'insert', position: at, content: String(at % 10) });
  await clock.until(() => ann.saved && bob.text.length === 500);
  const sent = server.received.filter(({ action }) => action === 'update').length;
  assert.equal(sent, 2);
});

test('ten thousand edits made without a network go in few messages', async () => {
  const { clock, server, ann, bob } = await two();
  server.reachable = false;
  server.cut();
  for (let at = 0; at < 10_000; at += 1) {
    const { length } = ann.doc.getText('text');
    if (at % 5 === 4) ann.edit({ type: 'delete', position: Math.floor(clock.random() * length), length: 1 });
    else ann.edit({ type: 'insert', position: Math.floor(clock.random() * (length + 1)), content: 'x' });
  }
  assert.equal(ann.saved, false);
  await clock.pass(60_000);
  server.reachable = true;
  const before = server.rev;
  await clock.until(() => ann.saved && bob.rev === server.rev);
  assert.equal(bob.text, ann.text);
  assert.ok(server.rev - before < 50, `${server.rev - before} messages`);
  assert.deepEqual(server.violations, []);
});

test('a paste larger than a message goes in parts', async () => {
  const { clock, server, ann, bob } = await two();
  const content = 'Grüße 😀 an alle. '.repeat(8_000);
  ann.edit({ type: 'insert', position: 0, content });
  ann.edit({ type: 'replace', position: 10, length: content.length - 20, content: 'short' });
  await clock.until(() => ann.saved && bob.text === ann.text);
  assert.equal(server.text, ann.text);
  assert.deepEqual(server.violations, []);
});

test('a lost update is asked for after a quarter of a second', async () => {
  const { clock, server, ann, bob } = await two();
  server.faults = { ...NONE, losePost: 1 };
  ann.edit({ type: 'insert', position: 0, content: 'a' });
  await clock.until(() => ann.saved);
  server.faults = NONE;
  ann.edit({ type: 'insert', position: 1, content: 'b' });
  await clock.until(() => ann.saved);
  await clock.pass(100);
  assert.equal(bob.text, '', 'nothing is applied over a hole');
  assert.equal(server.received.filter(({ action }) => action === 'pull').length, 0);
  await clock.pass(300);
  assert.equal(bob.text, 'ab');
});

test('a lost last update is found by the heartbeat', async () => {
  const { clock, server, ann, bob } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'abc' });
  await clock.until(() => bob.text === 'abc');
  server.faults = { ...NONE, losePost: 1 };
  ann.edit({ type: 'delete', position: 1, length: 1 });
  await clock.until(() => ann.saved);
  server.faults = NONE;
  await clock.pass(35_000);
  assert.equal(bob.text, 'ac');
});

test('a killed function is asked again, and nothing is stored twice', async () => {
  const { clock, server, ann, bob } = await two();
  for (const fault of ['killBefore', 'killAfter', 'lose'] as const) {
    server.faults = { ...NONE, [fault]: 1 };
    ann.edit({ type: 'insert', position: 0, content: 'x' });
    await clock.pass(300);
    assert.equal(ann.saved, false, fault);
    server.faults = NONE;
    await clock.until(() => ann.saved && bob.text === ann.text);
  }
  assert.equal(server.rev, 3);
  assert.equal(server.text, 'xxx');
});

test('a connection that is cut comes back by itself, with jitter', async () => {
  const { clock, server, ann, bob } = await two();
  const waits = new Set<number>();
  for (let round = 0; round < 5; round += 1) {
    server.cut();
    assert.equal(ann.connected, false);
    ann.edit({ type: 'insert', position: 0, content: 'x' });
    const start = clock.now();
    await clock.until(() => ann.connected && bob.connected, 60_000, 1);
    waits.add(clock.now() - start);
    await clock.until(() => ann.saved && bob.text === ann.text);
  }
  assert.ok(waits.size > 2, [...waits].join(' '));
});

test('a dead connection that nobody closed is noticed', async () => {
  const { clock, server, ann } = await two();
  const reasons: string[] = [];
  ann.on('disconnected', ({ reason }) => reasons.push(reason));
  server.reachable = false; // packets vanish
  await clock.until(() => reasons.length > 0, 150_000);
  server.reachable = true;
  await clock.until(() => ann.connected);
});

test('a silent room stays connected', async () => {
  const { clock, server, ann } = await two();
  let downs = 0;
  ann.on('disconnected', () => (downs += 1));
  const before = server.received.length;
  await clock.pass(30 * 60_000);
  assert.equal(downs, 0);
  assert.ok(server.received.length - before < 2 * 30 * 4.5, 'at most about four messages a minute each');
});

test('sockets are replaced before two hours, the new one before the old one goes, and nothing is lost', async () => {
  const clock = new TestClock(5);
  const server = new Server(clock);
  const [ann, bob] = [await enter(server), await enter(server)];
  await clock.until(() => ann.connected && bob.connected);
  let downs = 0;
  ann.on('disconnected', () => (downs += 1));
  let left = 0;
  bob.on('user-left', () => (left += 1));
  const { tickets } = server;
  server.faults = { ...NONE, delay: 30 };
  let written = 0;
  const end = clock.now() + 119 * 60_000;
  while (clock.now() < end) {
    ann.edit({ type: 'insert', position: 0, content: 'x' });
    written += 1;
    await clock.pass(7_000);
  }
  assert.equal(server.tickets - tickets, 2);
  assert.deepEqual([downs, left], [0, 0]);
  await clock.until(() => ann.saved && bob.text === ann.text);
  assert.equal(bob.text.length, written);
  assert.equal(server.rev, written);
});

test('what the room refuses is handed back, and the document is the room’s again', async () => {
  const { clock, server, ann, bob } = await two();
  bob.edit({ type: 'insert', position: 0, content: 'common' });
  await clock.until(() => ann.text === 'common');
  const conflicts: { code: string; text: string; lost: Uint8Array }[] = [];
  ann.on('conflict', (conflict) => conflicts.push(conflict));
  const old = ann.doc;
  server.role = 'viewer';
  ann.edit({ type: 'insert', position: 6, content: ' lost' });
  await clock.until(() => conflicts.length === 1);
  const [{ code, text, lost }] = conflicts as [(typeof conflicts)[0]];
  assert.equal(code, 'forbidden');
  assert.equal(text, 'common lost');
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(server.doc));
  Y.applyUpdate(copy, lost);
  assert.equal(copy.getText('text').toString(), 'common lost');
  await clock.until(() => ann.connected && ann.text === 'common');
  assert.notEqual(ann.doc, old);
  assert.equal(ann.role, 'viewer');
  assert.throws(() => ann.edit({ type: 'insert', position: 0, content: 'x' }), /viewer/);
  assert.equal(ann.saved, true);
});

test('a room that is gone is not asked for again', async () => {
  const { clock, server, ann } = await two();
  const downs: boolean[] = [];
  ann.on('disconnected', ({ final }) => downs.push(final));
  server.gone = true;
  server.cut();
  await clock.until(() => downs.at(-1) === true);
  const { tickets } = server;
  await clock.pass(600_000);
  assert.ok(server.tickets - tickets <= 1);
});

test('a client far behind takes the snapshot', async () => {
  const { clock, server, ann, bob } = await two();
  server.faults = { ...NONE, losePost: 1 };
  for (let at = 0; at < 30; at += 1) {
    ann.edit({ type: 'insert', position: 0, content: 'x' });
    await clock.until(() => ann.saved);
  }
  server.faults = NONE;
  server.trimmed = 20;
  await clock.pass(40_000);
  assert.equal(bob.text, ann.text);
  assert.equal(bob.rev, 30);
});

test('a room with another history is a conflict, not a mixture', async () => {
  const { clock, server, ann } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'old' });
  await clock.until(() => ann.saved);
  const codes: string[] = [];
  ann.on('conflict', ({ code }) => codes.push(code));
  server.log.length = 0;
  const other = new Y.Doc();
  other.getText('text').insert(0, 'new');
  const text = server.doc.getText('text');
  text.delete(0, text.length);
  const fresh = new Server(clock);
  Object.assign(server, { doc: fresh.doc });
  Y.applyUpdate(server.doc, Y.encodeStateAsUpdate(other));
  server.log.push({ u: Y.encodeStateAsUpdate(other), session: 's', n: 1, by: 'x' });
  server.epoch = 2;
  server.cut();
  await clock.until(() => ann.connected && ann.text === 'new');
  assert.deepEqual(codes, ['room_replaced']);
});

test('a state too large for a frame is fetched, with the rev that it has', async () => {
  const { clock, server, ann } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'large' });
  await clock.until(() => ann.saved);
  server.large = true;
  const eve = await enter(server);
  ann.edit({ type: 'insert', position: 5, content: ' and newer' });
  await clock.until(() => eve.connected && eve.rev === server.rev);
  assert.equal(eve.text, 'large and newer');
});

test('what was written while this client was joining is found soon after', async () => {
  const { clock, server, ann } = await two();
  server.faults = { ...NONE, losePost: 1 };
  const eve = await enter(server);
  await clock.until(() => eve.connected, 1_000, 1);
  ann.edit({ type: 'insert', position: 0, content: 'x' });
  await clock.until(() => ann.saved, 1_000, 1);
  await clock.pass(2_500);
  assert.equal(eve.text, 'x');
});

test('a server that has forgotten the client is joined again on the same socket', async () => {
  const { clock, server, ann, bob } = await two();
  const { tickets } = server;
  const [socket] = [...server.connections.values()].filter(({ session }) => ann.you?.endsWith(session));
  server.forgets.add(socket!.id);
  ann.edit({ type: 'insert', position: 0, content: 'x' });
  await clock.until(() => ann.saved && bob.text === 'x', 2_000);
  assert.equal(server.tickets, tickets);
  assert.equal(server.rev, 1);
});

test('updates keep a distance, so that nobody writes too fast for the server', async () => {
  const { clock, server, ann } = await two();
  const before = server.received.length;
  const end = clock.now() + 10_000;
  for (let at = 0; clock.now() < end; at += 1) {
    ann.edit({ type: 'insert', position: at, content: 'x' });
    await clock.pass(2);
  }
  assert.ok(server.received.length - before < 350, `${server.received.length - before} messages in ten seconds`);
});

test('a change of role is told, and a deleted room ends it with what was not saved', async () => {
  const { clock, server, ann, bob } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'kept' });
  await clock.until(() => bob.text === 'kept');
  const roles: string[] = [];
  const ends: unknown[] = [];
  bob.on('role-changed', ({ role }) => roles.push(role));
  bob.on('disconnected', ({ reason, final }) => ends.push([reason, final]));
  ann.on('conflict', ({ code, text }) => ends.push([code, text]));
  for (const socket of server.connections.values()) socket.post({ type: 'role', role: 'viewer' });
  await clock.pass(10);
  assert.deepEqual(roles, ['viewer']);
  server.faults = { ...NONE, lose: 1 };
  for (const socket of server.connections.values()) socket.post({ type: 'role', role: 'editor' });
  await clock.pass(10);
  ann.edit({ type: 'insert', position: 4, content: ' not' });
  server.gone = true;
  for (const socket of server.connections.values()) socket.post({ type: 'room-gone' });
  await clock.pass(10);
  assert.deepEqual(ends, [['room_gone', 'kept not'], ['room_gone', true]]);
  assert.equal(bob.text, 'kept', 'what is there can still be read');
});

test('a full room is waited for, and given up only after two minutes', async () => {
  const { clock, server, ann } = await two();
  const codes: string[] = [];
  ann.on('conflict', ({ code }) => codes.push(code));
  server.full = true;
  ann.edit({ type: 'insert', position: 0, content: 'x' });
  await clock.pass(90_000);
  assert.deepEqual([ann.text, ann.saved, codes], ['x', false, []]);
  server.full = false;
  await clock.until(() => ann.saved);
  server.full = true;
  ann.edit({ type: 'insert', position: 1, content: 'y' });
  await clock.pass(130_000);
  assert.deepEqual([ann.text, ann.saved, codes], ['x', true, ['room_full']]);
});
