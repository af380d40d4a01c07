// The queue and the division of updates, against Yjs itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Outbox } from '../src/outbox.js';
import { split, TooLarge } from '../src/split.js';
import type { Keep } from '../src/store.js';
import { chance } from './clock.js';

const nothing: Keep = () => undefined;

/** What applying updates one by one gives, each of which must stand on those before it. */
function applied(updates: Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const [at, update] of updates.entries()) {
    Y.applyUpdate(doc, update);
    assert.equal(doc.store.pendingStructs, null, `part ${at} stands on what is not there`);
    assert.equal(doc.store.pendingDs, null, `part ${at} deletes what is not there`);
  }
  return doc;
}

/** A document that somebody wrote in, with every update it made. */
function written(seed: number, steps: number, piece: (random: () => number) => string): { doc: Y.Doc; updates: Uint8Array[] } {
  const random = chance(seed);
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const text = doc.getText('text');
  for (let at = 0; at < steps; at += 1) {
    doc.transact(() => {
      const position = Math.floor(random() * (text.length + 1));
      if (random() < 0.3 && position < text.length) text.delete(position, Math.min(text.length - position, 1 + Math.floor(random() * 30)));
      else text.insert(position, piece(random));
    });
  }
  return { doc, updates };
}

test('an update that fits is left as it is', () => {
  const { updates } = written(1, 1, () => 'abc');
  assert.deepEqual(split(updates[0]!), updates);
});

test('parts stay below the limit, apply in order without anything pending, and give the same document', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const { doc } = written(seed, 30, (random) => 'añ€😀'.repeat(1 + Math.floor(random() * 100)));
    const whole = Y.encodeStateAsUpdate(doc);
    for (const most of [100, 250, 1_000]) {
      const parts = split(whole, most);
      for (const part of parts) assert.ok(part.length <= most, `${part.length} of ${most}`);
      const copy = applied(parts);
      assert.equal(copy.getText('text').toString(), doc.getText('text').toString(), `seed ${seed}`);
      assert.deepEqual(Y.encodeStateVector(copy), Y.encodeStateVector(doc));
    }
  }
});

test('what somebody else writes between the parts goes to the same place', () => {
  const { doc } = written(7, 20, () => 'hello 😀 '.repeat(20));
  const parts = split(Y.encodeStateAsUpdate(doc), 200);
  const [left, right] = [new Y.Doc(), new Y.Doc()];
  const exchanged: Uint8Array[] = [];
  right.on('update', (update: Uint8Array, _o: unknown, _d: Y.Doc, { local }: Y.Transaction) => local && exchanged.push(update));
  for (const part of parts) {
    Y.applyUpdate(right, part);
    right.getText('text').insert(Math.floor(right.getText('text').length / 2), '|');
  }
  Y.applyUpdate(left, Y.encodeStateAsUpdate(doc));
  for (const update of exchanged) Y.applyUpdate(left, update);
  assert.equal(left.getText('text').toString(), right.getText('text').toString());
});

test('what cannot be divided is said, not sent', () => {
  const doc = new Y.Doc();
  doc.getText('text').insertEmbed(0, { image: 'x'.repeat(500) });
  assert.throws(() => split(Y.encodeStateAsUpdate(doc), 200), TooLarge);
});

test('the queue gives everything, in order and in few messages', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { doc, updates } = written(seed, 400, (random) => 'word '.repeat(1 + Math.floor(random() * 3)));
    const outbox = new Outbox(nothing, 1, 2_000);
    const random = chance(seed + 1_000);
    const sent: Uint8Array[] = [];
    let n = 0;
    const send = (): void => {
      const entry = outbox.take();
      if (entry === undefined) return;
      n += 1;
      assert.equal(entry.n, n);
      assert.ok(entry.u.length <= 2_000);
      assert.equal(outbox.take(), entry, 'what is on its way does not change');
      sent.push(entry.u);
      assert.equal(outbox.acked(n + 1), false);
      assert.equal(outbox.acked(n), true);
    };
    for (const update of updates) {
      outbox.add(update);
      if (random() < 0.02) send();
    }
    while (!outbox.empty) send();
    assert.ok(sent.length < 40, `${sent.length} messages`);
    assert.equal(applied(sent).getText('text').toString(), doc.getText('text').toString());
  }
});

test('what is on its way never changes, whatever is added', () => {
  const { updates } = written(3, 100, () => 'x');
  const outbox = new Outbox(nothing);
  outbox.add(updates[0]!);
  const { n, u } = outbox.take()!;
  const bytes = [...u];
  for (const update of updates.slice(1)) outbox.add(update);
  assert.equal(outbox.take()!.n, n);
  assert.deepEqual([...outbox.take()!.u], bytes);
});

test('what another session left is mixed with nothing, also after it was kept', () => {
  const { updates } = written(3, 4, () => 'x');
  const kept = new Map<string, Uint8Array>();
  const keep: Keep = (name, change) => (change === null ? kept.delete(name) : kept.set(name, change()));
  const first = new Outbox(keep);
  first.adopt(updates[0]!);
  first.add(updates[1]!);
  const second = new Outbox(keep);
  second.restore(new Map(kept));
  second.add(updates[2]!);
  for (const outbox of [first, second]) assert.deepEqual(outbox.take()!.u, updates[0]);
});

test('a queue that is kept and taken up again is the same queue, at any moment', () => {
  const { doc, updates } = written(11, 120, () => 'some text ');
  for (let stop = 0; stop <= updates.length; stop += 7) {
    const kept = new Map<string, Uint8Array>();
    const keep: Keep = (name, change) => (change === null ? kept.delete(name) : kept.set(name, change()));
    const first = new Outbox(keep, 1, 1_000);
    const sent: Uint8Array[] = [];
    for (const [at, update] of updates.slice(0, stop).entries()) {
      first.add(update);
      if (at % 9 === 0) {
        const { n, u } = first.take()!;
        if (at % 2 === 0 && first.acked(n)) sent.push(u);
      }
    }
    const second = new Outbox(keep, first.next, 1_000);
    second.restore(new Map(kept));
    assert.equal(second.flight?.n, first.flight?.n);
    for (const update of updates.slice(stop)) second.add(update);
    for (let entry = second.take(); entry !== undefined; entry = second.take()) {
      sent.push(entry.u);
      second.acked(entry.n);
    }
    assert.equal(kept.size, 0);
    assert.equal(applied(sent).getText('text').toString(), doc.getText('text').toString(), `taken up after ${stop}`);
  }
});

test('adding is linear enough: ten thousand edits take no minute', () => {
  const { updates } = written(5, 10_000, () => 'x');
  const outbox = new Outbox(nothing);
  const start = performance.now();
  for (const update of updates) outbox.add(update);
  let messages = 0;
  for (let entry = outbox.take(); entry !== undefined; entry = outbox.take()) {
    messages += 1;
    outbox.acked(entry.n);
  }
  assert.ok(messages < 40, `${messages} messages`);
  assert.ok(performance.now() - start < 60_000);
});
