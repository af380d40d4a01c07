// A room as this client has it: its document, who is in it, and what of it is saved. Writing never waits for the network.

import * as Y from 'yjs';
import { toBase64 } from './base64.js';
import type { Ending, SocketClass, Ticket } from './channel.js';
import { Alarm, type Clock } from './clock.js';
import { apply, edits, isAstral, type Edit } from './edit.js';
import { Emitter, type Listener } from './events.js';
import type { ClientFrame, Participant, Presence, Role, ServerFrame } from './frames.js';
import { Keeper, type Found } from './keeper.js';
import { Link, PACE, type Pace } from './link.js';
import { Outbox } from './outbox.js';
import { OwnPresence, Roster } from './presence.js';
import { Replica } from './replica.js';
import { MemoryStore, type Store } from './store.js';

export interface RoomEvents {
  /** The text is another, by somebody here or elsewhere. */
  'document-changed': { roomId: string; edits: Edit[]; text: string; by: string | undefined; local: boolean };
  'cursor-moved': { roomId: string; participant: Participant };
  /** A selection or a status; cursors have an event of their own. */
  'presence-changed': { roomId: string; participant: Participant };
  'user-joined': { roomId: string; participant: Participant };
  'user-left': { roomId: string; participant: Participant };
  /** The document has all that the room had when it answered. */
  'room-synced': { roomId: string; rev: number; text: string };
  /** The room refused what was written here: the document starts again from the room's, and here is what was lost. */
  conflict: { roomId: string; code: string; message: string; text: string; lost: Uint8Array };
  connected: { roomId: string };
  /** `final`: there will be no new try until `connect`. */
  disconnected: { roomId: string; code: number; reason: string; final: boolean };
  /** Everything written here is stored there, or is not any more. */
  saved: { roomId: string; saved: boolean };
  /** The store does not work: what is not saved will not outlive the page. */
  'store-failed': { roomId: string; error: unknown };
  'role-changed': { roomId: string; role: Role };
}

export interface RoomOptions {
  clock: Clock;
  store: Store;
  Socket: SocketClass;
  pace?: Partial<Pace>;
  ticket: (roomId: string) => Promise<Ticket>;
  /** All of the room's state, by HTTP, for when it is too large for a frame. */
  state: () => Promise<{ rev: number; epoch: number; update: Uint8Array }>;
  /** Whose copy of the room this is: one account's is not another's. */
  account: string;
}

/** A hole is waited for this long before it is asked about, in ms. */
const HOLE_MS = 250;
/** What is not answered is sent again after so long, in ms; after so many times the connection is replaced. */
const ANSWER_MS = 5_000;
const TRIES = 3;
/** What failed is sent again after up to this many ms. */
const AGAIN_MS = 500;
/** Updates follow each other after so long at the earliest, in ms: the server takes 50 messages a second from a client. */
const SPACE_MS = 30;
/** Refusals that another time may not meet. */
const LATER = new Set(['retry', 'slow_down', 'internal', 'not_joined']);

export class Room {
  readonly id: string;
  readonly #options: RoomOptions;
  readonly #events = new Emitter<RoomEvents>();
  readonly #roster = new Roster();
  readonly #presence: OwnPresence;
  readonly #keeper: Keeper;
  readonly #outbox: Outbox;
  readonly #replica: Replica;
  readonly #link: Link;
  readonly #answer: Alarm;
  readonly #gap: Alarm;
  #session: string;
  #role: Role | undefined;
  #you: string | undefined;
  #count = 0;
  /** The last entry that the log is known to have. */
  #head = 0;
  #synced = false;
  #saved = true;
  #sending = false;
  /** When the last update was sent, in ms since 1970. */
  #sent = 0;
  #tries = 0;
  #pulling = false;
  #whole = false;
  #bound = false;
  /** Whether the text ever had a character of two units. */
  #astral = false;
  #open = true;

  private constructor(id: string, options: RoomOptions, keeper: Keeper, found: Found) {
    const { clock, Socket } = options;
    this.id = id;
    this.#options = options;
    this.#keeper = keeper;
    this.#session = found.session;
    this.#answer = new Alarm(clock);
    this.#gap = new Alarm(clock);
    const doc = new Y.Doc();
    for (const update of found.document) Y.applyUpdate(doc, update);
    this.#outbox = new Outbox(keeper.keep, found.head?.next);
    // What waits is in the document, unless the page ended between the two.
    for (const update of this.#outbox.restore(found.queue)) Y.applyUpdate(doc, update);
    for (const update of found.orphans) {
      Y.applyUpdate(doc, update);
      this.#outbox.adopt(update);
    }
    this.#replica = new Replica(doc, found.head, this.#outbox, keeper, {
      written: () => {
        this.#note();
        void this.#deliver();
      },
      changed: (delta, by, local) => {
        const made = edits(delta);
        this.#astral ||= made.some(({ content = '' }) => isAstral(content));
        if (made.length === 0) return;
        // Made when it is read: a text is long, and most listeners look at the edits.
        const { text } = this.#replica;
        this.#emit('document-changed', { edits: made, get text() { return text.toString(); }, by, local });
      },
      unsendable: (error) => void this.#conflict('too_big', error instanceof Error ? error.message : String(error)),
    });
    this.#replica.noted();
    if (found.taken) keeper.replace(() => Y.encodeStateAsUpdate(doc));
    this.#link = new Link({
      clock,
      Socket,
      pace: { ...PACE, ...options.pace },
      ticket: () => options.ticket(id),
      join: () => this.#join(),
      rev: () => this.#replica.rev,
      hears: (frame) => this.#hears(frame),
      up: () => this.#up(),
      down: (ending) => this.#down(ending),
    });
    this.#presence = new OwnPresence(clock, (frame) => this.#synced && this.#link.send(frame));
    this.#saved = this.#outbox.empty;
    this.#astral = isAstral(this.text);
  }

  /** The room with what is kept of it; nothing is asked of the network yet. */
  static async open(id: string, options: RoomOptions): Promise<Room> {
    const { clock, store, account } = options;
    let room: Room | undefined;
    const failed = (error: unknown): void => room?.storeFailed(error);
    const take = (from: Store): ReturnType<typeof Keeper.open> => Keeper.open(from, `${account}/${id}`, name(clock), clock, failed);
    try {
      room = new Room(id, options, ...(await take(store)));
    } catch (error) {
      room = new Room(id, options, ...(await take(new MemoryStore())));
      clock.after(0, () => failed(error));
    }
    return room;
  }

  on<Name extends keyof RoomEvents>(event: Name, listener: Listener<RoomEvents[Name]>): () => void {
    return this.#events.on(event, listener);
  }

  off<Name extends keyof RoomEvents>(event: Name, listener: Listener<RoomEvents[Name]>): void {
    this.#events.off(event, listener);
  }

  /** The document, which may be written to like any other. Another one after a conflict. */
  get doc(): Y.Doc {
    return this.#replica.doc;
  }

  get text(): string {
    return this.#replica.text.toString();
  }

  /** The last entry of the room's log that the document has; so it has all before. */
  get rev(): number {
    return this.#replica.rev;
  }

  /** What this user may do here, once the room has said so. */
  get role(): Role | undefined {
    return this.#role;
  }

  /** Which of the participants this is. */
  get you(): string | undefined {
    return this.#you;
  }

  /** How many are here; `participants` may be fewer in a large room. */
  get count(): number {
    return Math.max(this.#count, this.#roster.all.length);
  }

  get connected(): boolean {
    return this.#link.live && this.#synced;
  }

  /** Whether everything written here is stored there. */
  get saved(): boolean {
    return this.#saved;
  }

  /** Whether there is a copy to work with, also without a network. */
  get ready(): boolean {
    return this.#replica.signed;
  }

  get participants(): Participant[] {
    return this.#roster.all;
  }

  connect(): void {
    if (this.#open) this.#link.start();
  }

  /** Closes the connection and keeps the rest; `connect` goes on from there. */
  disconnect(reason = 'disconnected'): void {
    this.#link.stop(reason);
  }

  /** Makes an edit here; it is sent when it can be. */
  edit(edit: Edit): void {
    this.#writable();
    apply(this.#replica.text, edit, this.#astral);
  }

  show(presence: Presence): void {
    this.#presence.update(presence);
  }

  /**
   * Makes `doc` the room's document: what is written in either appears in the other, until the answer is called. It has
   * to be empty, or to hold nothing but this room's content. After a conflict it is let go of.
   */
  bind(doc: Y.Doc): () => void {
    this.#writable();
    const known = Y.decodeStateVector(Y.encodeStateVector(this.doc));
    for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) {
      if (clock > (known.get(client) ?? 0)) throw new Error('The document has content of its own, which is not of this room.');
    }
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(this.doc), this);
    this.#replica.replace(doc);
    this.#bound = true;
    return () => {
      if (this.doc !== doc || !this.#bound) return;
      const own = new Y.Doc();
      Y.applyUpdate(own, Y.encodeStateAsUpdate(doc));
      this.#bound = false;
      this.#replica.replace(own);
    };
  }

  /** Leaves: others see it, and the copy here stays for the next time. What is not saved is kept, and sent then. */
  async leave(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.connected) this.#link.send({ action: 'leave' });
    this.#stop();
    this.#link.stop('left');
    this.#replica.stop();
    await this.#keeper.close();
  }

  #emit<Name extends keyof RoomEvents>(event: Name, of: Omit<RoomEvents[Name], 'roomId'>): void {
    const full = Object.defineProperties({ roomId: this.id }, Object.getOwnPropertyDescriptors(of));
    this.#events.emit(event, full as RoomEvents[Name]);
  }

  #writable(): void {
    if (!this.#open) throw new Error('The room was left.');
    if (!this.ready) throw new Error('The room has not answered yet: wait for joinRoom.');
    if (this.#role === 'viewer') throw new Error('A viewer does not write.');
  }

  #join(): ClientFrame {
    const frame = { action: 'join', room: this.id, kind: 'yjs', session: this.#session } as const;
    return this.#whole || !this.ready ? frame : { ...frame, rev: this.#replica.rev };
  }

  #hears(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        void this.#welcome(frame);
        return;
      case 'ack':
        if (this.#outbox.acked(frame.n)) {
          this.#answer.stop();
          this.#tries = 0;
          this.#seen(frame.rev);
          this.#replica.own(frame.rev);
          this.#note();
          void this.#deliver();
          this.#mind();
        }
        return;
      case 'nack':
        this.#refused(frame);
        return;
      case 'update':
        this.#seen(frame.rev);
        this.#replica.entry(frame.rev, frame.u, frame.by);
        this.#mind();
        return;
      case 'batch':
        this.#pulling = false;
        this.#seen(frame.to);
        for (const { rev, u, by } of frame.updates) this.#replica.entry(rev, u, by);
        this.#mind(frame.updates.length > 0);
        return;
      case 'snapshot':
        void this.#snapshot();
        return;
      case 'behind':
        this.#seen(frame.rev);
        this.#mind(true);
        return;
      case 'failed':
        // Whose message it was is not said: everything that waits for an answer is sent again.
        if (this.#outbox.flight !== undefined) this.#answer.start(this.#soon(), () => this.#again());
        if (this.#pulling) this.#gap.start(this.#soon(), () => this.#pull());
        return;
      case 'role':
        this.#turned(frame.role);
        return;
      case 'room-gone':
        this.#gone('room_gone', 'The room was deleted.');
        return;
      default:
        this.#meets(frame);
    }
  }

  #meets(frame: Extract<ServerFrame, { type: 'presence' | 'user-joined' | 'user-left' }>): void {
    if (frame.type === 'user-joined') {
      if (this.#roster.joined(frame.member)) this.#emit('user-joined', { participant: { ...frame.member } });
      this.#presence.again();
    } else if (frame.type === 'user-left') {
      const participant = this.#roster.left(frame.by);
      if (participant !== undefined) this.#emit('user-left', { participant });
    } else {
      const participant = this.#roster.shows(frame);
      if (participant === undefined) return;
      if ('cursor' in frame) this.#emit('cursor-moved', { participant: { ...participant } });
      if ('selection' in frame || 'status' in frame) this.#emit('presence-changed', { participant: { ...participant } });
    }
  }

  async #welcome(frame: Extract<ServerFrame, { type: 'welcome' }>): Promise<void> {
    let { rev, epoch, state: { update } } = frame;
    if (frame.state.url !== undefined) {
      try {
        ({ rev, epoch, update } = await this.#options.state());
      } catch {
        this.#link.replace('The state could not be read.');
        return;
      }
    }
    if (!this.#open) return;
    this.#turned(frame.role);
    this.#you = frame.member.id;
    this.#count = frame.count;
    this.#presence.every = frame.pace;
    if (this.ready && !this.#whole && epoch !== this.#replica.epoch) {
      this.#conflict('room_replaced', 'The room has another history than the one this copy is of.');
      return;
    }
    this.#whole = false;
    this.#seen(rev);
    this.#replica.welcome(rev, epoch, frame.clientId, update);
    const first = !this.#synced;
    this.#synced = true;
    const { joined, left } = this.#roster.reset(frame.members);
    for (const participant of left) this.#emit('user-left', { participant });
    for (const participant of joined) this.#emit('user-joined', { participant: { ...participant } });
    if (first) this.#emit('connected', {});
    this.#emit('room-synced', { rev: this.rev, text: this.text });
    this.#presence.again();
    this.#pulling = false;
    this.#mind();
    void this.#deliver(true);
  }

  #up(): void {
    // The socket is there; the room is, once its welcome is worked through.
  }

  #down({ code, reason, final }: Ending): void {
    const was = this.#synced;
    this.#synced = false;
    this.#stop();
    if (was || final !== undefined) this.#emit('disconnected', { code, reason: final?.code ?? reason, final: final !== undefined || !this.#open });
  }

  #stop(): void {
    this.#answer.stop();
    this.#gap.stop();
    this.#presence.stop();
    this.#pulling = false;
    this.#tries = 0;
  }

  #note(): void {
    const saved = this.#outbox.empty;
    if (saved === this.#saved) return;
    this.#saved = saved;
    this.#emit('saved', { saved });
  }

  #seen(rev: number): void {
    if (rev > this.#head) this.#head = rev;
  }

  #soon(): number {
    return this.#options.clock.random() * AGAIN_MS;
  }

  /** Sends the next update, if none is on its way; `again`: that one, too. */
  async #deliver(again = false): Promise<void> {
    if (!this.connected || this.#sending || (this.#answer.set && !again)) return;
    const wait = this.#sent + SPACE_MS - this.#options.clock.now();
    if (wait > 0) {
      this.#answer.start(wait, () => void this.#deliver(true));
      return;
    }
    const entry = this.#outbox.take();
    if (entry === undefined) return;
    // Its number is kept before anybody hears of it: after a reload, it must not be given to another update.
    this.#sending = true;
    this.#replica.noted();
    await this.#keeper.flush();
    this.#sending = false;
    if (!this.connected || this.#outbox.flight?.n !== entry.n) return;
    this.#sent = this.#options.clock.now();
    this.#answer.start(ANSWER_MS, () => this.#again());
    this.#link.send({ action: 'update', n: entry.n, u: toBase64(entry.u) });
  }

  #again(): void {
    this.#tries += 1;
    if (this.#tries > TRIES) this.#link.replace('Nothing answers.');
    else void this.#deliver(true);
  }

  #refused({ n, code, message = code }: Extract<ServerFrame, { type: 'nack' }>): void {
    if (code === 'room_gone') {
      this.#gone(code, message);
      return;
    }
    if (n === undefined || this.#outbox.flight?.n !== n) return;
    if (LATER.has(code)) this.#answer.start(this.#soon(), () => this.#again());
    else this.#conflict(code, message);
  }

  /**
   * Goes on in memory, as another session: the numbers that the store has of this one are old from now on, and a later
   * page must not give them to other updates.
   */
  storeFailed(error: unknown): void {
    this.#session = name(this.#options.clock);
    this.#emit('store-failed', { error });
    this.#link.replace('The store failed.');
  }

  /** What was written here will never be in the room. */
  #conflict(code: string, message: string): void {
    const { text } = this;
    const lost = this.#outbox.clear();
    this.#bound = false;
    this.#whole = true;
    this.#head = 0;
    this.#replica.reset(new Y.Doc());
    this.#note();
    this.#emit('conflict', { code, message, text, lost: lost.length > 0 ? Y.mergeUpdates(lost) : new Uint8Array(0) });
    this.#link.replace(code);
  }

  /** There is no room any more: what it had stays to be read. */
  #gone(code: string, message: string): void {
    if (!this.#saved) this.#conflict(code, message);
    this.#link.stop(message, { code, message });
  }

  #turned(role: Role): void {
    if (role === this.#role) return;
    this.#role = role;
    this.#emit('role-changed', { role });
  }

  /** Sees to holes: `eager` where there is no need to wait for what may be under way. */
  #mind(eager = false): void {
    const behind = this.#synced && this.#replica.rev < this.#head;
    if (!behind) {
      if (!this.#pulling) this.#gap.stop();
    } else if (eager) this.#pull();
    else this.#gap.startOnce(HOLE_MS, () => this.#pull());
  }

  #pull(): void {
    if (!this.#synced || this.#replica.rev >= this.#head) {
      this.#pulling = false;
      return;
    }
    this.#pulling = true;
    this.#gap.start(ANSWER_MS, () => this.#pull());
    this.#link.send({ action: 'pull', from: this.#replica.rev + 1 });
  }

  async #snapshot(): Promise<void> {
    try {
      const { rev, update } = await this.#options.state();
      this.#seen(rev);
      this.#replica.state(rev, update);
      this.#pulling = false;
    } catch {
      // Asked for again when the answer is overdue.
    }
    this.#mind();
  }
}

/** A name that nobody else will think of. */
function name(clock: Clock): string {
  const part = (): string => Math.floor(clock.random() * 2 ** 32).toString(36).padStart(7, '0');
  return `${clock.now().toString(36)}-${part()}${part()}`;
}
