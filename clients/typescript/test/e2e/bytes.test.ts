// Updates made by Yjs are taken by the functions' yrs, and the other way round: Yjs clients and clients that speak JSON
// edits write in one room.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import { fromBase64 } from '../../src/base64.js';
import { chance } from '../clock.js';
import { account, end, roomOf, service, until, url, type Account } from './stack.js';

afterEach(end);

interface Op { type: 'insert' | 'delete' | 'replace'; position: number; length?: number; content?: string }

interface Patch { from: number; to: number; ops: Op[] }

type Heard =
  | { type: 'welcome'; rev: number; state: { text: string } }
  | { type: 'ack'; patch: Patch }
  | ({ type: 'patch' } & Patch)
  | { type: 'behind' }
  | { type: 'nack'; code: string };

function applied(text: string, ops: Op[]): string {
  return ops.reduce((now, { position, length = 0, content = '' }) => now.slice(0, position) + content + now.slice(position + length), text);
}

/** A client without Yjs: a text, a rev and one edit at a time. */
class Plain {
  text = '';
  rev = 0;
  #n = 0;
  busy = false;
  joined = false;
  readonly problems: string[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket, roomId: string, session: string) {
    this.#socket = socket;
    socket.on('open', () => this.#send({ action: 'join', room: roomId, kind: 'json', session }));
    socket.on('message', (data) => this.#hears(JSON.parse(String(data)) as Heard));
    socket.on('error', (error) => this.problems.push(String(error)));
  }

  static async join(of: Account, roomId: string, session: string): Promise<Plain> {
    const { url: address, ticket } = await of.api.rooms.ticket(roomId);
    const plain = new Plain(new WebSocket(address, ['aura.v1', ticket], { origin: url }), roomId, session);
    await until(() => plain.joined, () => `welcome: ${plain.problems}`);
    return plain;
  }

  edit(ops: Op[]): void {
    this.#n += 1;
    this.busy = true;
    this.#send({ action: 'edit', n: this.#n, base: this.rev, ops });
  }

  close(): void {
    this.#socket.close();
  }

  #send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #hears(frame: Heard): void {
    if (frame.type === 'welcome') {
      this.text = frame.state.text;
      this.rev = frame.rev;
      this.joined = true;
    } else if (frame.type === 'ack') {
      this.#patched(frame.patch);
      this.busy = false;
    } else if (frame.type === 'patch') this.#patched(frame);
    else if (frame.type === 'behind') this.ask();
    else if (frame.type === 'nack') this.problems.push(frame.code);
  }

  #patched({ from, to, ops }: Patch): void {
    if (from > this.rev) this.#send({ action: 'pull', from: this.rev + 1 });
    // What begins before is for somebody else's rev: the whole is asked for.
    else if (from < this.rev && to > this.rev) this.#send({ action: 'pull', from: this.rev + 1 });
    else if (from === this.rev) {
      this.text = applied(this.text, ops);
      this.rev = to;
    }
  }

  ask(): void {
    this.#send({ action: 'pull', from: this.rev + 1 });
  }
}

test('Yjs and JSON clients write in one room, and Yjs and yrs read each other', async () => {
  const [ann, bob] = [await account('Ann'), await account('Bob')];
  const roomId = await roomOf(ann, [bob], 'Würde 😀\n');
  const yjs = [await service(ann).joinRoom(roomId), await service(bob).joinRoom(roomId)];
  const json = [await Plain.join(ann, roomId, 'plain-1'), await Plain.join(bob, roomId, 'plain-2')];
  const random = chance(12);
  const pieces = ['x', 'yz', 'é', '😀', '👩‍👩‍👧', ' ', 'ß'];
  /** A place between characters, and the character after it. */
  const place = (text: string): [number, number] => {
    const chars = [...text];
    const at = Math.floor(random() * (chars.length + 1));
    return [chars.slice(0, at).join('').length, chars[at]?.length ?? 0];
  };
  try {
    for (let round = 0; round < 120; round += 1) {
      for (const room of yjs) {
        const [position, length] = place(room.text);
        if (length > 0 && random() < 0.3) room.edit({ type: 'delete', position, length });
        else room.edit({ type: 'insert', position, content: pieces[Math.floor(random() * pieces.length)]! });
      }
      for (const plain of json) {
        if (plain.busy) continue;
        const [position, length] = place(plain.text);
        const content = pieces[Math.floor(random() * pieces.length)]!;
        if (length > 0 && random() < 0.3) plain.edit([{ type: 'replace', position, length, content }]);
        else plain.edit([{ type: 'insert', position, content }]);
      }
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await until(() => yjs.every((room) => room.saved) && json.every((plain) => !plain.busy), () => `all is stored: ${json.map((plain) => plain.problems)}`);
    const { rev, text, update } = await ann.api.rooms.snapshot(roomId);
    await until(() => yjs.every((room) => room.rev === rev), () => `Yjs clients have ${rev}: ${yjs.map((room) => room.rev)}`);
    for (const plain of json) if (plain.rev < rev) plain.ask();
    await until(() => json.every((plain) => plain.rev === rev), () => `JSON clients have ${rev}: ${json.map((plain) => plain.rev)}`);
    assert.deepEqual(json.map(({ problems }) => problems), [[], []]);
    for (const room of yjs) assert.equal(room.text, text);
    for (const plain of json) assert.equal(plain.text, text);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, fromBase64(update));
    assert.equal(doc.getText('text').toString(), text);
    console.log(`Yjs and JSON clients together: ${rev} entries, ${text.length} units, equal everywhere`);
  } finally {
    for (const plain of json) plain.close();
  }
});
