// Whole days of bad luck, from seeds: losses, duplicates, reordering, killed functions, cut connections, crashed pages.
// The oracle knows every character that was ever typed: at the end each is there once, or was deleted by somebody, and
// everybody has the same text. SEEDS sets how many days; FIRST_SEED where they begin.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Room } from '../src/room.js';
import { chance, TestClock } from './clock.js';
import { Disk, type Page } from './pages.js';
import { enter, NONE, Server, type Faults } from './server.js';

const SEEDS = Number(process.env['SEEDS'] ?? 60);
const FIRST = Number(process.env['FIRST_SEED'] ?? 1);
/** Characters to type: each is typed once. Every tenth of them takes two units. */
const letter = (at: number): string => (at % 10 === 9 ? String.fromCodePoint(0x20000 + at) : String.fromCodePoint(0x4e00 + at));

interface Writer {
  room: Room;
  page: Page;
}

/** When a letter was typed, and by which page; what a crashed page had not kept yet may be gone. */
interface Typed {
  at: number;
  page: Page;
}

async function day(seed: number): Promise<{ edits: number; messages: number }> {
  const random = chance(seed * 7919 + 1);
  const clock = new TestClock(seed);
  const server = new Server(clock);
  const draw = (most: number): number => (random() < 0.5 ? 0 : random() * most);
  const faults: Faults = {
    delay: random() * 400,
    lose: draw(0.2),
    duplicate: draw(0.2),
    killBefore: draw(0.15),
    killAfter: draw(0.15),
    losePost: draw(0.3),
    cut: draw(0.05),
    refuseTicket: draw(0.3),
  };
  const typed = new Map<string, Typed>();
  const deleted = new Set<string>();
  const doubtful = new Set<string>();
  const disks: Disk[] = [];
  const writers: Writer[] = [];
  const open = async (disk: Disk): Promise<Writer> => {
    const page = disk.page();
    const room = await enter(server, { store: page });
    // `saved` is a promise: all that this page has typed is in the log then.
    room.on('saved', ({ saved }) => {
      if (!saved) return;
      const stored = server.text;
      for (const [char, by] of typed) if (by.page === page && !deleted.has(char)) assert.ok(stored.includes(char), `seed ${seed}: said to be saved, and not stored`);
    });
    return { room, page };
  };
  const count = 2 + Math.floor(random() * 3);
  for (let at = 0; at < count; at += 1) {
    const disk = random() < 0.3 && disks.length > 0 ? disks[0]! : new Disk(clock);
    disk.latency = random() * 40;
    disks.push(disk);
    writers.push(await open(disk));
  }
  await clock.until(() => writers.every(({ room }) => room.ready));
  server.faults = faults;
  server.trimmed = 0;

  let edits = 0;
  const steps = 60 + Math.floor(random() * 100);
  for (let step = 0; step < steps; step += 1) {
    const at = Math.floor(random() * writers.length);
    const writer = writers[at]!;
    const burst = 1 + Math.floor(random() * 5);
    for (let round = 0; round < burst && writer.room.ready; round += 1) {
      const chars = [...writer.room.text];
      const place = Math.floor(random() * (chars.length + 1));
      const position = chars.slice(0, place).join('').length;
      if (chars[place] !== undefined && random() < 0.25) {
        writer.room.edit({ type: 'delete', position, length: chars[place].length });
        deleted.add(chars[place]);
      } else {
        const char = letter(typed.size);
        typed.set(char, { at: clock.now(), page: writer.page });
        writer.room.edit({ type: 'insert', position, content: char });
      }
      edits += 1;
    }
    const luck = random();
    if (luck < 0.02) server.cut();
    else if (luck < 0.03) server.reachable = !server.reachable;
    else if (luck < 0.05) server.trimmed = Math.max(0, server.rev - Math.floor(random() * 20));
    else if (luck < 0.07) {
      for (const [char, by] of typed) if (by.page === writer.page && clock.now() - by.at < 150) doubtful.add(char);
      writer.page.crash();
      writer.room.disconnect();
      writers[at] = await open(disks[at]!);
    }
    await clock.pass(random() < 0.2 ? random() * 5_000 : random() * 100);
  }
  server.faults = NONE;
  server.reachable = true;
  const done = (): boolean => writers.every(({ room }) => room.connected && room.saved && room.rev === server.rev);
  await clock.until(done, 3_600_000, 500);
  const text = server.text;
  for (const { room } of writers) assert.equal(room.text, text, `seed ${seed}: not the same text everywhere`);
  assert.deepEqual(server.violations, [], `seed ${seed}`);
  const times = new Map<string, number>();
  for (const char of text) times.set(char, (times.get(char) ?? 0) + 1);
  for (const [char, often] of times) {
    assert.ok(typed.has(char), `seed ${seed}: nobody typed ${char}`);
    assert.equal(often, 1, `seed ${seed}: ${char} is there ${often} times`);
  }
  for (const char of typed.keys()) {
    if (!times.has(char)) assert.ok(deleted.has(char) || doubtful.has(char), `seed ${seed}: ${char} is lost`);
  }
  for (const { room } of writers) await Promise.race([room.leave(), clock.pass(1_000)]);
  return { edits, messages: server.rev };
}

test(`${SEEDS} days of bad luck lose nothing and double nothing`, async (t) => {
  let edits = 0;
  let messages = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const result = await day(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
    edits += result.edits;
    messages += result.messages;
  }
  t.diagnostic(`${SEEDS} seeds, ${edits} edits in ${messages} log entries: 0 lost, 0 doubled, 0 divergent`);
});
