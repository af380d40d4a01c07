// A room's server in memory, behind sockets that do to messages what networks, gateways and killed functions do. It is
// as strict as the real one: what stands on something that the log lacks, or overlaps it in part, is a fault of the client.

import * as Y from 'yjs';
import { fromBase64, toBase64 } from '../src/base64.js';
import type { Socket, SocketClass, Ticket } from '../src/channel.js';
import type { ClientFrame } from '../src/frames.js';
import { AuraError } from '../src/problem.js';
import type { Pace } from '../src/link.js';
import { ROOT } from '../src/replica.js';
import { Room } from '../src/room.js';
import { MemoryStore, type Store } from '../src/store.js';
import { TestClock } from './clock.js';

/** How likely each fault is, 0 to 1, and how long delays are, in ms. */
export interface Faults {
  delay: number;
  lose: number;
  duplicate: number;
  /** The function is killed before, or after, it has stored the update. */
  killBefore: number;
  killAfter: number;
  losePost: number;
  cut: number;
  refuseTicket: number;
}

export const NONE: Faults = { delay: 0, lose: 0, duplicate: 0, killBefore: 0, killAfter: 0, losePost: 0, cut: 0, refuseTicket: 0 };

interface Entry {
  u: Uint8Array;
  session: string;
  n: number;
  by: string;
}

export class Server {
  readonly clock: TestClock;
  readonly doc = new Y.Doc();
  readonly log: Entry[] = [];
  readonly connections = new Map<string, FakeSocket>();
  readonly received: ClientFrame[] = [];
  /** What a client did that no client may do. */
  readonly violations: string[] = [];
  faults: Faults = NONE;
  /** Whether there is a network at all. */
  reachable = true;
  role: 'owner' | 'viewer' = 'owner';
  gone = false;
  full = false;
  /** Whether the state is too large for a frame. */
  large = false;
  epoch = 1;
  /** Entries before this are not given out any more one by one. */
  trimmed = 0;
  tickets = 0;
  /** Connections that it has forgotten until they join again. */
  readonly forgets = new Set<string>();
  #cids = 100;
  #count = 0;

  constructor(clock: TestClock) {
    this.clock = clock;
  }

  get text(): string {
    return this.doc.getText(ROOT).toString();
  }

  get rev(): number {
    return this.log.length;
  }

  readonly ticket = (): Promise<Ticket> => {
    this.tickets += 1;
    if (!this.reachable || this.#draws('refuseTicket')) return Promise.reject(new AuraError('no', { status: 0, code: 'UNREACHABLE' }));
    if (this.gone) return Promise.reject(new AuraError('gone', { status: 404, code: 'NOT_FOUND' }));
    return Promise.resolve({ url: 'ws://room', ticket: `t${this.tickets}` });
  };

  readonly state = (): Promise<{ rev: number; epoch: number; update: Uint8Array }> => {
    const { rev, epoch } = this;
    return this.reachable ? Promise.resolve({ rev, epoch, update: Y.encodeStateAsUpdate(this.doc) }) : Promise.reject(new Error('unreachable'));
  };

  get Socket(): SocketClass {
    const server = this;
    return class extends FakeSocket {
      constructor() {
        super(server);
      }
    };
  }

  /** Cuts every connection, without a word. */
  cut(): void {
    for (const socket of [...this.connections.values()]) socket.cut();
  }

  name(): string {
    this.#count += 1;
    return `c${this.#count}`;
  }

  #draws(fault: Exclude<keyof Faults, 'delay'>): boolean {
    return this.faults[fault] > 0 && this.clock.random() < this.faults[fault];
  }

  later(run: () => void): void {
    this.clock.after(1 + this.clock.random() * this.faults.delay, run);
  }

  /** A client's message, on its way. */
  message(socket: FakeSocket, text: string): void {
    if (text.length > 32_000) this.violations.push(`a message of ${text.length} bytes`);
    if (!this.reachable) return;
    if (this.#draws('cut')) {
      socket.cut();
      return;
    }
    if (this.#draws('lose')) return;
    const frame = JSON.parse(text) as ClientFrame;
    const deliver = (): void => this.later(() => this.#handle(socket, frame));
    deliver();
    if (this.#draws('duplicate')) deliver();
  }

  #handle(socket: FakeSocket, frame: ClientFrame): void {
    if (socket.closed) return;
    this.received.push(frame);
    if (this.#draws('killBefore')) {
      socket.post({ message: 'Internal server error', connectionId: socket.id, requestId: 'x' }, true);
      return;
    }
    const killed = this.#draws('killAfter');
    const answer = (value: unknown): void => socket.post(killed ? { message: 'Internal server error' } : value, true);
    if (frame.action === 'join') this.forgets.delete(socket.id);
    if (this.forgets.has(socket.id)) {
      answer({ type: 'nack', action: frame.action, code: 'not_joined', ...('n' in frame && { n: frame.n }) });
      return;
    }
    switch (frame.action) {
      case 'join': {
        const here = this.#sessions();
        const since = frame.rev !== undefined && frame.rev >= this.trimmed && frame.rev <= this.rev ? frame.rev : 0;
        const updates = this.log.slice(since).map(({ u }) => u);
        this.#cids += 1;
        socket.session = frame.session;
        socket.joined = true;
        const update = updates.length > 0 ? { update: toBase64(Y.mergeUpdates(updates)) } : {};
        const members = [...this.connections.values()].filter(({ joined }) => joined).map((each) => each.participant());
        const welcome = { type: 'welcome', clientId: this.#cids, rev: this.rev, epoch: this.epoch, role: this.role, pace: 100 };
        answer({ ...welcome, member: socket.participant(), members, count: members.length, state: this.large ? { url: '/snapshot' } : update });
        if (!here.has(frame.session)) this.#tell(socket, { type: 'user-joined', member: socket.participant() });
        return;
      }
      case 'update': {
        const rev = this.#append(socket, frame.n, fromBase64(frame.u));
        if (typeof rev === 'number') answer({ type: 'ack', n: frame.n, rev });
        else answer({ type: 'nack', n: frame.n, code: rev });
        return;
      }
      case 'pull': {
        if (frame.from <= this.trimmed) answer({ type: 'snapshot', rev: this.rev, url: 'http://snapshot' });
        else {
          const updates = this.log.slice(frame.from - 1, frame.from + 9).map(({ u, by }, at) => ({ rev: frame.from + at, u: toBase64(u), by: { userId: 'u', session: by } }));
          answer({ type: 'batch', from: frame.from, to: frame.from + updates.length - 1, updates });
        }
        return;
      }
      case 'heartbeat':
        if (frame.rev < this.rev) answer({ type: 'behind', rev: this.rev });
        return;
      case 'presence': {
        const { action: _, ...shown } = frame;
        this.#tell(socket, { ...shown, type: 'presence', by: socket.participant() });
        return;
      }
      case 'leave':
        socket.leaves();
    }
  }

  #append(socket: FakeSocket, n: number, u: Uint8Array): number | string {
    if (this.role === 'viewer') return 'forbidden';
    if (this.gone) return 'room_gone';
    if (this.full) return 'room_full';
    const known = this.log.findIndex((entry) => entry.session === socket.session && entry.n === n);
    if (known >= 0) {
      if (!Buffer.from(this.log[known]!.u).equals(u)) this.violations.push(`${socket.session}/${n} was sent with other bytes`);
      return known + 1;
    }
    if (u.length > 23_000) this.violations.push(`an update of ${u.length} bytes`);
    this.#judge(u);
    Y.applyUpdate(this.doc, u);
    if (this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null) this.violations.push('an update stands on what the log lacks');
    this.log.push({ u, session: socket.session, n, by: socket.session });
    this.#tell(socket, { type: 'update', rev: this.rev, u: toBase64(u), by: socket.participant() });
    return this.rev;
  }

  #judge(u: Uint8Array): void {
    const have = Y.decodeStateVector(Y.encodeStateVector(this.doc));
    const spans = new Map<number, [number, number]>();
    for (const { id, length } of Y.decodeUpdate(u).structs) {
      const [from, to] = spans.get(id.client) ?? [id.clock, id.clock];
      spans.set(id.client, [Math.min(from, id.clock), Math.max(to, id.clock + length)]);
    }
    for (const [client, [from, to]] of spans) {
      const clock = have.get(client) ?? 0;
      if (from > clock) this.violations.push(`a gap before ${client}/${from}: the log has ${clock}`);
      if (from < clock && to > clock) this.violations.push(`${client}/${from} overlaps the log in part`);
    }
  }

  #tell(from: FakeSocket, frame: unknown): void {
    for (const socket of this.connections.values()) {
      if (socket !== from && socket.joined && !this.#draws('losePost')) socket.post(frame);
    }
  }

  left(socket: FakeSocket): void {
    if (!socket.joined) return;
    socket.joined = false;
    if (!this.#sessions().has(socket.session)) this.#tell(socket, { type: 'user-left', by: socket.participant() });
  }

  #sessions(): Set<string> {
    return new Set([...this.connections.values()].filter(({ joined }) => joined).map(({ session }) => session));
  }
}

export class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  onerror: Socket['onerror'] = null;
  readonly id: string;
  readonly #server: Server;
  session = '';
  get readyState(): number {
    return this.closed ? 3 : 1;
  }
  joined = false;
  closed = false;

  constructor(server: Server) {
    this.#server = server;
    this.id = server.name();
    server.later(() => {
      if (this.closed) return;
      if (!server.reachable) {
        this.cut();
        return;
      }
      server.connections.set(this.id, this);
      this.onopen?.(undefined as never);
    });
  }

  participant(): { userId: string; session: string; name: string } {
    return { userId: 'u', session: this.session, name: `name of ${this.session}` };
  }

  send(text: string): void {
    if (this.closed) throw new Error('closed');
    this.#server.message(this, text);
  }

  /** A frame from the server, which arrives or not. */
  post(frame: unknown, answer = false): void {
    const { faults, clock } = this.#server;
    if (answer && faults.lose > 0 && clock.random() < faults.lose) return;
    const text = JSON.stringify(frame);
    this.#server.later(() => {
      if (!this.closed && this.#server.reachable) this.onmessage?.({ data: text });
    });
  }

  close(): void {
    this.#drop();
  }

  cut(): void {
    const { onclose } = this;
    this.#drop();
    onclose?.({ code: 1006, reason: '' });
  }

  /** The client says that it goes, and stays connected. */
  leaves(): void {
    this.#server.left(this);
  }

  #drop(): void {
    if (this.closed) return;
    this.closed = true;
    this.#server.connections.delete(this.id);
    this.#server.left(this);
  }
}

export interface Setting {
  store?: Store;
  pace?: Partial<Pace>;
}

/** A page that enters the room; it may not be connected yet. */
export async function enter(server: Server, { store = new MemoryStore(), pace = {} }: Setting = {}): Promise<Room> {
  const { clock } = server;
  const room = await Room.open('r', { clock, store, Socket: server.Socket, pace, ticket: server.ticket, state: server.state, account: 'a' });
  room.connect();
  return room;
}

/** Two people in the room. */
export async function two(seed = 1): Promise<{ clock: TestClock; server: Server; ann: Room; bob: Room }> {
  const clock = new TestClock(seed);
  const server = new Server(clock);
  const [ann, bob] = [await enter(server), await enter(server)];
  await clock.until(() => ann.connected && bob.connected);
  return { clock, server, ann, bob };
}
