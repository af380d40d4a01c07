// The service's calls, over a server in memory: rooms, bound documents, an Awareness.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Awareness } from 'y-protocols/awareness.js';
import * as Y from 'yjs';
import { toBase64 } from '../src/base64.js';
import { CollaborationService } from '../src/service.js';
import { MemoryStore } from '../src/store.js';
import { TestClock } from './clock.js';
import { Server } from './server.js';

/** The HTTP side of the server in memory. */
function web(server: Server): typeof fetch {
  return async (url, init = {}) => {
    const path = new URL(String(url)).pathname;
    const answer = (value: unknown, status = 200): Response => new Response(JSON.stringify(value), { status });
    if (path === '/api/auth/verify') return answer({ valid: true, user: { id: 'u', name: 'Ann' } });
    if (path === '/api/rooms' && init.method === 'POST') return answer({ roomId: 'r', ...(JSON.parse(String(init.body)) as object) });
    if (path.endsWith('/ticket')) {
      if (path.includes('nowhere')) return answer({ error: 'There is no such room.', code: 'NOT_FOUND' }, 404);
      const ticket = await server.ticket();
      return answer({ ...ticket, expiresAt: '2026-01-01T00:00:00Z' });
    }
    if (path.endsWith('/snapshot')) return answer({ rev: server.rev, epoch: 1, text: server.text, update: toBase64(Y.encodeStateAsUpdate(server.doc)) });
    return answer({ error: 'no', code: 'NOT_FOUND' }, 404);
  };
}

function service(server: Server): CollaborationService {
  return new CollaborationService('http://api', 'token', { fetch: web(server), WebSocket: server.Socket, store: new MemoryStore(), clock: server.clock });
}

/** Waits for something that takes the test's time to happen. */
async function within<T>(clock: TestClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  void promise.then(() => (settled = true), () => (settled = true));
  await clock.until(() => settled);
  return promise;
}

async function two(): Promise<{ clock: TestClock; server: Server; ann: CollaborationService; bob: CollaborationService }> {
  const clock = new TestClock(1);
  const server = new Server(clock);
  const [ann, bob] = [service(server), service(server)];
  for (const each of [ann, bob]) {
    await each.connect();
    await within(clock, each.joinRoom('r'));
  }
  return { clock, server, ann, bob };
}

test('connect, create, join, edit, show, leave', async () => {
  const clock = new TestClock(1);
  const server = new Server(clock);
  const [ann, bob] = [service(server), service(server)];
  assert.equal((await ann.connect()).name, 'Ann');
  assert.equal(await ann.createRoom('plans', 'x'), 'r');
  const heard: string[] = [];
  for (const event of ['connected', 'room-synced', 'user-joined', 'document-changed', 'cursor-moved', 'presence-changed', 'user-left', 'disconnected'] as const) {
    ann.on(event, () => heard.push(event));
  }
  await within(clock, ann.joinRoom('r'));
  await within(clock, bob.joinRoom('r'));
  bob.sendEdit({ type: 'insert', position: 0, content: 'hi' });
  await clock.until(() => ann.room().text === 'hi' && bob.isSaved());
  bob.sendCursorPosition(2);
  await clock.pass(300);
  bob.updateSelection({ from: 0, to: 2 });
  bob.updatePresence('busy');
  await clock.pass(300);
  const shown = ann.getRoomParticipants().map(({ cursor, selection, status }) => ({ cursor, selection, status }));
  assert.ok(shown.some(({ cursor, status }) => cursor === 2 && status === 'busy'), JSON.stringify(shown));
  const left = bob.leaveRoom();
  await clock.pass(300);
  await left;
  assert.deepEqual([...new Set(heard)], ['connected', 'user-joined', 'room-synced', 'document-changed', 'cursor-moved', 'presence-changed', 'user-left']
    .sort((a, b) => heard.indexOf(a) - heard.indexOf(b)));
  ann.disconnect();
  assert.equal(heard.at(-1), 'disconnected');
  assert.throws(() => bob.sendEdit({ type: 'insert', position: 0, content: 'x' }), /No room/);
});

test('a room that cannot be entered is an error', async () => {
  const clock = new TestClock(1);
  await assert.rejects(within(clock, service(new Server(clock)).joinRoom('nowhere')), { name: 'AuraError', code: 'NOT_FOUND' });
});

test('what is written without a connection is sent with the next', async () => {
  const { clock, server, ann } = await two();
  ann.disconnect();
  ann.sendEdit({ type: 'insert', position: 0, content: 'later' });
  await clock.pass(60_000);
  assert.equal(server.rev, 0);
  await ann.connect();
  await clock.until(() => ann.isSaved());
  assert.equal(server.text, 'later');
});

test('any document can be the room’s, and undo works in it', async () => {
  const { clock, server, ann, bob } = await two();
  ann.sendEdit({ type: 'insert', position: 0, content: 'before ' });
  await clock.until(() => bob.room().text === 'before ');
  const doc = new Y.Doc();
  const unbind = bob.bind(doc);
  const text = doc.getText('text');
  assert.equal(text.toString(), 'before ');
  const undo = new Y.UndoManager(text);
  text.insert(7, 'after');
  await clock.until(() => ann.room().text === 'before after');
  undo.undo();
  await clock.until(() => ann.room().text === 'before ');
  ann.sendEdit({ type: 'insert', position: 0, content: '> ' });
  await clock.until(() => text.toString() === '> before ');
  unbind();
  text.insert(0, 'not sent');
  bob.sendEdit({ type: 'insert', position: 0, content: 'still ' });
  await clock.until(() => ann.room().text === 'still > before ');
  assert.deepEqual(server.violations, []);
  const other = new Y.Doc();
  other.getText('text').insert(0, 'own');
  assert.throws(() => bob.bind(other), /content of its own/);
});

test('an Awareness is the same on both sides, and ends with who leaves', async () => {
  const { clock, ann, bob } = await two();
  const docs = [new Y.Doc(), new Y.Doc()] as const;
  const [left, right] = [new Awareness(docs[0]), new Awareness(docs[1])];
  try {
    ann.bind(docs[0], left);
    bob.bind(docs[1], right);
    left.setLocalStateField('user', { name: 'Ann', color: '#0a0' });
    await clock.until(() => right.getStates().get(left.clientID)?.['user'] !== undefined);
    right.setLocalStateField('cursor', { anchor: 1 });
    await clock.until(() => left.getStates().get(right.clientID)?.['cursor'] !== undefined);
    assert.deepEqual(right.getStates().get(left.clientID), { user: { name: 'Ann', color: '#0a0' } });
    const gone = ann.leaveRoom();
    await clock.pass(300);
    await gone;
    assert.equal(right.getStates().has(left.clientID), false);
    assert.equal(right.getStates().size, 1);
  } finally {
    left.destroy();
    right.destroy();
  }
});
