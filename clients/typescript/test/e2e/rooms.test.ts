// Clients over real sockets and the real functions.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import * as Y from 'yjs';
import { fromBase64 } from '../../src/base64.js';
import { MemoryStore, type Room } from '../../src/index.js';
import { account, end, roomOf, service, sockets, until, type Account } from './stack.js';
import { chance } from '../clock.js';

afterEach(end);

async function join(of: Account, roomId: string, options = {}): Promise<Room> {
  return service(of, options).joinRoom(roomId);
}

async function pair(text?: string): Promise<{ ann: Account; bob: Account; roomId: string; left: Room; right: Room }> {
  const [ann, bob] = [await account('Ann'), await account('Bob')];
  const roomId = await roomOf(ann, [bob], text);
  const [left, right] = [await join(ann, roomId), await join(bob, roomId)];
  return { ann, bob, roomId, left, right };
}

/** Everybody has the same text, and the server, too. */
async function settled(rooms: Room[], of: Account): Promise<string> {
  await until(() => rooms.every((room) => room.saved && room.connected), 'everything is saved');
  const { rev } = await of.api.rooms.snapshot(rooms[0]!.id);
  await until(() => rooms.every((room) => room.rev >= rev), () => `everybody has ${rev}: ${rooms.map((room) => room.rev)}`);
  const { text, update } = await of.api.rooms.snapshot(rooms[0]!.id);
  for (const room of rooms) assert.equal(room.text, text);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, fromBase64(update));
  assert.equal(doc.getText('text').toString(), text, 'the snapshot is what Yjs makes of it');
  return text;
}

/** One random edit; emoji and combining characters among it. */
function scribble(room: Room, random: () => number): void {
  const chars = [...room.text];
  const place = Math.floor(random() * (chars.length + 1));
  const position = chars.slice(0, place).join('').length;
  const pieces = ['a', 'bc', ' ', 'é', 'e\u0301', '😀', '👩‍👩‍👧', '\n'];
  if (random() < 0.3 && chars[place] !== undefined) room.edit({ type: 'delete', position, length: chars[place].length });
  else room.edit({ type: 'insert', position, content: pieces[Math.floor(random() * pieces.length)]! });
}

test('two people write, see each other, and leave', async () => {
  const { ann, left, right } = await pair('Hello 😀');
  assert.equal(right.text, 'Hello 😀');
  left.edit({ type: 'insert', position: 8, content: '!' });
  right.edit({ type: 'replace', position: 0, length: 5, content: 'Servus' });
  assert.equal(await settled([left, right], ann), 'Servus 😀!');
  await until(() => left.participants.length === 2 && right.participants.length === 2, 'both are here');
  assert.deepEqual(left.participants.map(({ name }) => name).sort(), ['Ann', 'Bob']);
  right.show({ cursor: { at: 3 }, selection: [1, 2], status: { mood: 'fine' } });
  const bob = (): unknown => left.participants.find(({ name }) => name === 'Bob');
  await until(() => (bob() as { status?: unknown } | undefined)?.status !== undefined, 'Bob shows something');
  const { cursor, selection, status } = bob() as Record<string, unknown>;
  assert.deepEqual({ cursor, selection, status }, { cursor: { at: 3 }, selection: [1, 2], status: { mood: 'fine' } });
  await right.leave();
  await until(() => left.participants.length === 1, 'Bob has left');
});

test('ten thousand edits without a network, then few messages', async () => {
  const { ann, roomId, right } = await pair();
  const { Socket, traffic } = sockets();
  const writer = service(ann, { WebSocket: Socket });
  const room = await writer.joinRoom(roomId);
  right.edit({ type: 'insert', position: 0, content: 'somebody else wrote this. ' });
  writer.disconnect();
  const random = chance(4);
  for (let at = 0; at < 10_000; at += 1) {
    const { length } = room.doc.getText('text');
    if (at % 5 === 4) room.edit({ type: 'delete', position: Math.floor(random() * length), length: 1 });
    else room.edit({ type: 'insert', position: Math.floor(random() * (length + 1)), content: 'x' });
  }
  const before = traffic.sent;
  await writer.connect();
  const text = await settled([room, right], ann);
  assert.ok(text.length > 5_000);
  const messages = traffic.sent - before;
  console.log(`10,000 edits without a network: ${messages} messages`);
  assert.ok(messages < 150, `${messages} messages`);
});

test('a paste of a hundred thousand characters', async () => {
  const { ann, left, right } = await pair();
  left.edit({ type: 'insert', position: 0, content: 'Grüße 😀 '.repeat(11_000) });
  right.edit({ type: 'insert', position: 0, content: 'before it: ' });
  const text = await settled([left, right], ann);
  assert.ok(text.length > 95_000);
});

test('two tabs of one browser', async () => {
  const ann = await account('Ann');
  const roomId = await roomOf(ann, []);
  const store = new MemoryStore();
  const tabs = [await join(ann, roomId, { store }), await join(ann, roomId, { store })];
  const random = chance(5);
  for (let at = 0; at < 200; at += 1) scribble(tabs[at % 2]!, random);
  await settled(tabs, ann);
  await until(() => tabs.every((room) => room.participants.length === 2), 'each tab is somebody');
  // A tab that is closed leaves its work to the next.
  const [first] = tabs as [Room];
  first.disconnect();
  first.edit({ type: 'insert', position: 0, content: 'closed with this unsent: ' });
  await first.leave();
  const next = await join(ann, roomId, { store });
  assert.ok((await settled([tabs[1]!, next], ann)).startsWith('closed with this unsent: '));
});

test('sockets are replaced while people type', async () => {
  const [ann, bob] = [await account('Ann'), await account('Bob')];
  const roomId = await roomOf(ann, [bob]);
  const { Socket, traffic } = sockets();
  const left = await join(ann, roomId, { WebSocket: Socket, pace: { rotation: 150, spread: 150 } });
  const right = await join(bob, roomId);
  let downs = 0;
  let leavings = 0;
  left.on('disconnected', () => (downs += 1));
  right.on('user-left', () => (leavings += 1));
  const random = chance(6);
  await until(() => {
    scribble(left, random);
    scribble(right, random);
    return traffic.opened > 6;
  }, 'six sockets');
  await settled([left, right], ann);
  assert.deepEqual([downs, leavings], [0, 0]);
});

test('connections that break while ten people type', async () => {
  const people: Account[] = [];
  for (let at = 0; at < 10; at += 1) people.push(await account(`P${at}`));
  const [ann, ...others] = people as [Account, ...Account[]];
  const roomId = await roomOf(ann, others);
  const lines = people.map(() => sockets());
  const rooms = await Promise.all(people.map((one, at) => join(one, roomId, { WebSocket: lines[at]!.Socket, pace: { base: 50, cap: 500 } })));
  const random = chance(7);
  for (let round = 0; round < 60; round += 1) {
    for (const room of rooms) scribble(room, random);
    if (round % 10 === 5) for (const socket of lines[Math.floor(random() * 10)]!.open) socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await settled(rooms, ann);
});

test('who may no longer write gets back what was not stored', async () => {
  const { ann, bob, roomId, left, right } = await pair('common');
  let conflict: { code: string; text: string } | undefined;
  right.on('conflict', ({ code, text }) => (conflict = { code, text }));
  await ann.api.rooms.setMember(roomId, bob.user.id, 'viewer');
  try {
    right.edit({ type: 'insert', position: 6, content: ' secret' });
    await until(() => conflict !== undefined, 'a conflict');
    assert.deepEqual(conflict, { code: 'forbidden', text: 'common secret' });
  } catch (error) {
    // The change of role may be known here first: then nothing is written at all.
    assert.match(String(error), /viewer/);
  }
  await until(() => right.connected && right.text === 'common', 'the room’s text again');
  assert.equal(right.role, 'viewer');
  const ends: boolean[] = [];
  right.on('disconnected', ({ final }) => ends.push(final));
  await ann.api.rooms.setMember(roomId, bob.user.id, null);
  await until(() => ends.includes(true), 'removed');
  left.on('disconnected', ({ final }) => ends.push(final));
  ends.length = 0;
  await ann.api.rooms.delete(roomId);
  await until(() => ends.includes(true), 'deleted');
});
