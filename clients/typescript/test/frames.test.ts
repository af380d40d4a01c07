// What arrives is read strictly: a frame is complete, or it is none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBase64, toBase64 } from '../src/base64.js';
import { read } from '../src/frames.js';
import { chance } from './clock.js';

const ann = { userId: 'u', session: 'c', name: 'Ann' };

const good = {
  welcome: { type: 'welcome', clientId: 7, rev: 3, epoch: 1, role: 'editor', member: ann, members: [ann], count: 1, pace: 100, state: { update: 'AAA=' } },
  ack: { type: 'ack', n: 1, rev: 2 },
  nack: { type: 'nack', n: 1, code: 'retry' },
  update: { type: 'update', rev: 1, u: 'AAA=', by: ann },
  batch: { type: 'batch', from: 1, to: 1, updates: [{ rev: 1, u: 'AAA=' }] },
  snapshot: { type: 'snapshot', rev: 9, url: 'https://example.com' },
  behind: { type: 'behind', rev: 4 },
  presence: { type: 'presence', clock: 1, by: ann, cursor: { at: 3 } },
  joined: { type: 'user-joined', member: ann },
  left: { type: 'user-left', by: ann },
  role: { type: 'role', role: 'viewer' },
  gone: { type: 'room-gone' },
};

test('every frame is read', () => {
  for (const [name, frame] of Object.entries(good)) assert.equal(read(JSON.stringify(frame))?.type, frame.type, name);
  assert.deepEqual(read('{"message":"Internal server error","connectionId":"x"}'), { type: 'failed', message: 'Internal server error' });
});

test('what is no frame is nothing, and no error', () => {
  const bad: unknown[] = [
    undefined, new ArrayBuffer(3), '', 'x', '[]', 'null', '{}', '{"type":"other"}', '{"type":"ack"}', '{"type":"ack","n":1.5,"rev":2}',
    '{"type":"ack","n":1,"rev":-1}', '{"type":"update","rev":1,"u":"*"}', '{"type":"batch","from":1,"to":1}', '{"type":"user-joined","by":3}',
  ];
  for (const data of bad) assert.equal(read(data), undefined, String(data));
});

test('frames with anything changed never throw', () => {
  const random = chance(9);
  for (let round = 0; round < 20_000; round += 1) {
    const frames = Object.values(good);
    const text = JSON.stringify(frames[Math.floor(random() * frames.length)]);
    const at = Math.floor(random() * text.length);
    read(text.slice(0, at) + String.fromCharCode(Math.floor(random() * 128)) + text.slice(at + Math.floor(random() * 3)));
  }
});

test('base64 goes there and back for every length', () => {
  const random = chance(2);
  for (const length of [0, 1, 2, 3, 255, 8_191, 8_192, 8_193, 100_000]) {
    const bytes = Uint8Array.from({ length }, () => Math.floor(random() * 256));
    assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'));
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  }
});
