// Who is here and what they show, beside a server in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roster } from '../src/presence.js';
import { enter, NONE, two } from './server.js';

test('who is here, what they show, and that they go', async () => {
  const { clock, server, ann, bob } = await two();
  assert.equal(ann.participants.length, 2);
  const moved: unknown[] = [];
  const changed: unknown[] = [];
  ann.on('cursor-moved', ({ participant }) => moved.push([participant.id, participant.cursor]));
  ann.on('presence-changed', ({ participant }) => changed.push(participant.status));
  for (let at = 0; at <= 100; at += 1) {
    bob.show({ cursor: at });
    await clock.pass(5);
  }
  await clock.pass(200);
  assert.ok(moved.length <= 8, `${moved.length} messages in half a second`);
  assert.deepEqual(moved.at(-1), [bob.you, 100]);
  bob.show({ status: { mood: 'fine' } });
  await clock.pass(300);
  assert.deepEqual(changed, [{ mood: 'fine' }]);
  const eve = await enter(server);
  await clock.until(() => eve.participants.find(({ id }) => id === bob.you)?.cursor === 100);
  const left: string[] = [];
  ann.on('user-left', ({ participant }) => left.push(participant.name));
  await bob.leave();
  await clock.pass(100);
  assert.equal(left.length, 1);
  assert.equal(ann.participants.length, 2);
});

test('presence that arrives late does not replace what is newer', async () => {
  const { clock, server, ann, bob } = await two();
  server.faults = { ...NONE, delay: 400 };
  for (let at = 0; at <= 40; at += 1) {
    bob.show({ cursor: at });
    await clock.pass(60);
  }
  const seen: number[] = [];
  ann.on('cursor-moved', ({ participant }) => seen.push(participant.cursor as number));
  await clock.pass(2_000);
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
  assert.equal(ann.participants.find(({ id }) => id === bob.you)?.cursor, 40);
});

test('presence that is too large is refused here', async () => {
  const { ann } = await two();
  assert.throws(() => ann.show({ status: 'x'.repeat(5_000) }), RangeError);
});

test('a cursor stays with the text around it', async () => {
  const { clock, ann, bob } = await two();
  ann.edit({ type: 'insert', position: 0, content: 'hello world' });
  await clock.until(() => bob.text.length === 11);
  const cursor: unknown = JSON.parse(JSON.stringify(ann.cursorAt(6)));
  bob.edit({ type: 'insert', position: 0, content: '>> ' });
  assert.equal(bob.positionOf(cursor), 9);
  for (const none of [undefined, null, 3, {}, { tname: 'other' }]) assert.doesNotThrow(() => bob.positionOf(none));
});

test('in a large room, whoever shows something is somebody', () => {
  const roster = new Roster();
  const of = (session: string): { id: string; userId: string; session: string; name: string } => ({ id: `u/${session}`, userId: 'u', session, name: session });
  roster.reset([of('a')]);
  assert.equal(roster.shows({ type: 'presence', by: of('b'), clock: 5, cursor: 1 })?.cursor, 1);
  assert.equal(roster.shows({ type: 'presence', by: of('b'), clock: 5, cursor: 2 }), undefined, 'known already');
  assert.deepEqual(roster.all.map(({ session }) => session), ['a', 'b']);
  assert.equal(roster.left('u/b')?.session, 'b');
  assert.equal(roster.shows({ type: 'presence', by: of('b'), clock: 9, cursor: 3 }), undefined, 'late, of somebody who has left');
  assert.equal(roster.joined(of('b')), true);
  assert.equal(roster.shows({ type: 'presence', by: of('b'), clock: 1, cursor: 4 })?.cursor, 4, 'back, and counting anew');
});
