// A paper as it was really written, by a real client through the whole stack in batches. EDITING_TRACES names the folder
// with automerge-paper.json.gz of josephg/editing-traces.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { account, end, roomOf, service, sockets, tallies, units, until } from './stack.js';

const folder = process.env['EDITING_TRACES'];
const file = folder === undefined ? undefined : join(folder, 'automerge-paper.json.gz');
const missing = file === undefined ? 'EDITING_TRACES is not set' : !existsSync(file) && `there is no ${file}`;
afterEach(end);

interface Trace {
  startContent: string;
  endContent: string;
  txns: { patches: [position: number, deleted: number, inserted: string][] }[];
}

test('the editing history of a paper', { skip: missing }, async () => {
  const trace = JSON.parse(gunzipSync(readFileSync(file!)).toString()) as Trace;
  const patches = trace.txns.flatMap((txn) => txn.patches);
  const [ann, bob] = [await account('Ann'), await account('Bob')];
  const roomId = await roomOf(ann, [bob], trace.startContent);
  const { Socket, traffic } = sockets();
  const room = await service(ann, { WebSocket: Socket }).joinRoom(roomId);
  const reader = await service(bob).joinRoom(roomId);
  const conflicts: string[] = [];
  room.on('conflict', ({ code, message }) => conflicts.push(`${code}: ${message}`));
  const before = await tallies();
  const start = performance.now();
  let at = 0;
  while (at < patches.length) {
    const end = Math.min(patches.length, at + 500);
    for (; at < end; at += 1) {
      const [position, length, content] = patches[at]!;
      room.edit({ type: 'replace', position, length, content });
    }
    // Gives the socket its turn; what is written meanwhile waits in the queue.
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(conflicts, []);
  }
  await until(() => room.saved, 'all is stored', 300);
  const seconds = (performance.now() - start) / 1_000;
  await until(() => reader.rev >= room.rev, 'the reader has it');
  const messages = traffic.actions.get('update') ?? 0;
  const used = units(before, await tallies());
  const all = [...used.values()].reduce((sum, one) => sum + one, 0);
  console.log(`automerge-paper: ${patches.length} edits in ${messages} messages, ${Math.round(patches.length / seconds)} edits/s`);
  console.log(`capacity units: ${all}, ${(all / patches.length).toFixed(5)} an edit, ${(all / messages).toFixed(2)} a message; ${[...used].map(([name, sum]) => `${name} ${sum}`).join(', ')}`);
  assert.ok(all >= messages, 'each message is a write');
  const { text } = await ann.api.rooms.snapshot(roomId);
  for (const each of [room.text, reader.text, text]) assert.ok(each === trace.endContent, 'the text is the trace’s');
});
