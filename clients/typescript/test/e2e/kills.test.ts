// Function processes are killed while ten people type. STACK_PID is the local stack's process; its children are the
// functions, and only those that serve messages are killed.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { chance } from '../clock.js';
import { account, end, roomOf, service, until, type Account } from './stack.js';

const stack = process.env['STACK_PID'];
afterEach(end);

/** The processes of some functions, by the name of their binary. */
function processes(names: Set<string>): number[] {
  const found: number[] = [];
  for (const task of readdirSync(`/proc/${stack}/task`)) {
    for (const pid of readFileSync(`/proc/${stack}/task/${task}/children`, 'utf8').split(' ').filter(Boolean)) {
      try {
        if (names.has(readlinkSync(`/proc/${pid}/exe`).split('/').at(-1)!)) found.push(Number(pid));
      } catch {
        // It has ended.
      }
    }
  }
  return found;
}

test('functions are killed while ten people type, and nothing is lost', { skip: stack === undefined && 'STACK_PID is not set' }, async () => {
  const people: Account[] = [];
  for (let at = 0; at < 10; at += 1) people.push(await account(`K${at}`));
  const [ann, ...others] = people as [Account, ...Account[]];
  const roomId = await roomOf(ann, others);
  const rooms = await Promise.all(people.map((one) => service(one, { pace: { base: 50, cap: 1_000 } }).joinRoom(roomId)));
  const random = chance(8);
  const typed = new Set<string>();
  let killed = 0;
  for (let round = 0; round < 150; round += 1) {
    for (const room of rooms) {
      const char = String.fromCodePoint(0x4e00 + typed.size);
      typed.add(char);
      room.edit({ type: 'insert', position: Math.floor(random() * (room.text.length + 1)), content: char });
    }
    if (round % 5 === 2) {
      const [victim] = processes(new Set(['update', 'join', 'pull', 'heartbeat'])).sort(() => random() - 0.5);
      if (victim !== undefined) {
        process.kill(victim, 'SIGKILL');
        killed += 1;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await until(() => rooms.every((room) => room.saved && room.connected), 'everything is saved', 120);
  const { rev, text } = await ann.api.rooms.snapshot(roomId);
  await until(() => rooms.every((room) => room.rev >= rev), () => `everybody has ${rev}: ${rooms.map((room) => room.rev)}`, 120);
  assert.ok(killed > 5, `${killed} processes were killed`);
  assert.equal([...text].length, typed.size);
  assert.deepEqual(new Set(text), typed);
  for (const room of rooms) assert.equal(room.text, text);
  console.log(`${killed} functions killed while ten people made ${typed.size} edits: ${rev} entries, 0 lost, 0 doubled`);
});
