// A room as this client has it: its document, who is in it, and what of it is saved. Writing never waits for the network.

import * as Y from 'yjs';
import type { Ending } from './channel.js';
import { freshName } from './clock.js';
import { Company } from './company.js';
import { Courier } from './courier.js';
import { apply, edits, type Edit } from './edit.js';
import { Emitter, type Listener } from './events.js';
import type { ClientFrame, Participant, Presence, Role, ServerFrame } from './frames.js';
import { Keeper, type Found } from './keeper.js';
import { Link, PACE } from './link.js';
import { Outbox } from './outbox.js';
import { Reader } from './reader.js';
import { Replica } from './replica.js';
import type { RoomEvents, RoomOptions } from './room_events.js';
import { MemoryStore, type Store } from './store.js';

/** Refusals that another time may not meet. */
const LATER = new Set(['retry', 'slow_down', 'internal', 'not_joined']);

export class Room {
  readonly id: string;
  readonly #options: RoomOptions;
  readonly #events: Emitter<RoomEvents>;
  readonly #company: Company;
  readonly #keeper: Keeper;
  readonly #outbox: Outbox;
  readonly #replica: Replica;
  readonly #link: Link;
  readonly #courier: Courier;
  readonly #reader: Reader;
  #session: string;
  #role: Role | undefined;
  #synced = false;
  /** How often the room has answered a join. */
  #welcomes = 0;
  #saved = true;
  #kept = true;
  /** Whether the store works, and outlives the page. */
  #lasting: boolean;
  #whole = false;
  #bound = false;
  #open = true;

  private constructor(id: string, options: RoomOptions, keeper: Keeper, found: Found) {
    const { clock, Socket } = options;
    this.id = id;
    this.#events = new Emitter(options.also);
    this.#options = options;
    this.#lasting = options.store.lasts ?? true;
    this.#keeper = keeper;
    this.#session = found.session;
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
        void this.#courier.deliver();
      },
      changed: (event, by, local) => {
        // What changed is found by walking through the text: only for somebody.
        if (!this.#events.heard('document-changed')) return;
        const made = edits(event.delta);
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
      down: (ending) => this.#down(ending),
    });
    const open = (): boolean => this.connected;
    const send = (frame: ClientFrame): boolean => this.#link.send(frame);
    this.#reader = new Reader({ clock, replica: this.#replica, open, send });
    this.#courier = new Courier({
      clock,
      outbox: this.#outbox,
      open,
      send,
      kept: () => {
        this.#replica.noted();
        return keeper.flush();
      },
      silent: () => this.#link.replace('Nothing answers.'),
    });
    const show = (frame: ClientFrame): boolean => open() && send(frame);
    this.#company = new Company(clock, show, (event, participant) => this.#emit(event, { participant }));
    this.#saved = this.#outbox.empty;
    this.#kept = this.#isKept();
    keeper.settled = () => this.#note();
  }

  /** The room with what is kept of it; nothing is asked of the network yet. */
  static async open(id: string, options: RoomOptions): Promise<Room> {
    const { clock, store, account } = options;
    let room: Room | undefined;
    const failed = (error: unknown): void => room?.storeFailed(error);
    const take = (from: Store): ReturnType<typeof Keeper.open> => Keeper.open(from, `${account}/${id}`, freshName(clock), clock, failed);
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
    return this.#company.you;
  }

  /** How many are here; `participants` may be fewer in a large room. */
  get count(): number {
    return this.#company.count;
  }

  get connected(): boolean {
    return this.#link.live && this.#synced;
  }

  /** Whether everything written here is stored there. */
  get saved(): boolean {
    return this.#saved;
  }

  /** Whether everything written here will outlive this page: it is stored there, or kept in the store here. */
  get kept(): boolean {
    return this.#kept;
  }

  /** Whether there is a copy to work with, also without a network. */
  get ready(): boolean {
    return this.#replica.signed;
  }

  get participants(): Participant[] {
    return this.#company.all;
  }

  connect(): void {
    if (this.#open) this.#link.start();
  }

  /** Writes at once what is to be kept, for a page that may end now. */
  flush(): Promise<void> {
    return this.#keeper.flush();
  }

  /** Closes the connection and keeps the rest; `connect` goes on from there. */
  disconnect(reason = 'disconnected'): void {
    this.#link.stop(reason);
  }

  /** Makes an edit here; it is sent when it can be. */
  edit(edit: Edit): void {
    this.#writable();
    apply(this.#replica.text, edit, this.#replica.astral);
  }

  /** A place in the text that stays with what is around it, as JSON, to be shown to others as a cursor. */
  cursorAt(position: number): unknown {
    return Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.#replica.text, position));
  }

  /** Where such a place is now; nothing for what is none. */
  positionOf(cursor: unknown): number | undefined {
    try {
      return Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(cursor), this.doc)?.index;
    } catch {
      return undefined;
    }
  }

  show(presence: Presence): void {
    this.#company.show(presence);
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

  /**
   * Leaves: others see it. The copy here stays for the next time, and so does what is not saved, which is sent then;
   * `forget` removes the copy if everything is saved.
   */
  async leave(forget = false): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.connected) this.#link.send({ action: 'leave' });
    this.#stop();
    this.#link.stop('left');
    this.#replica.stop();
    await this.#keeper.close(forget && this.#saved);
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
        if (!this.#courier.acked(frame.n)) return;
        this.#replica.own(frame.rev);
        this.#reader.saw(frame.rev);
        this.#note();
        void this.#courier.deliver();
        return;
      case 'nack':
        this.#refused(frame);
        return;
      case 'update':
        this.#replica.entry(frame.rev, frame.u, frame.by);
        this.#reader.saw(frame.rev);
        return;
      case 'batch':
        this.#reader.answered();
        for (const { rev, u, by } of frame.updates) this.#replica.entry(rev, u, by);
        this.#reader.saw(frame.to, frame.updates.length > 0);
        return;
      case 'snapshot':
        void this.#snapshot();
        return;
      case 'behind':
        this.#reader.saw(frame.rev, true);
        return;
      case 'failed':
        // Whose message it was is not said: everything that waits for an answer is sent again.
        this.#courier.failed();
        this.#reader.failed();
        return;
      case 'role':
        this.#turned(frame.role);
        return;
      case 'room-gone':
        this.#gone('room_gone', 'The room was deleted.');
        return;
      default:
        this.#company.meets(frame);
    }
  }

  async #welcome(frame: Extract<ServerFrame, { type: 'welcome' }>): Promise<void> {
    let { rev, epoch, state: { update } } = frame;
    this.#welcomes += 1;
    const welcome = this.#welcomes;
    if (frame.state.url !== undefined) {
      try {
        ({ rev, epoch, update } = await this.#options.state());
      } catch {
        if (welcome === this.#welcomes) this.#link.replace('The state could not be read.');
        return;
      }
    }
    // Meanwhile the connection may have ended, or been joined again.
    if (!this.#open || !this.#link.live || welcome !== this.#welcomes) return;
    this.#turned(frame.role);
    if (this.ready && !this.#whole && epoch !== this.#replica.epoch) {
      this.#conflict('room_replaced', 'The room has another history than the one this copy is of.');
      return;
    }
    this.#whole = false;
    this.#replica.welcome(rev, epoch, frame.clientId, update);
    const first = !this.#synced;
    this.#synced = true;
    this.#company.welcome(frame);
    if (first) this.#emit('connected', {});
    this.#emit('room-synced', { rev: this.rev, text: this.text });
    this.#reader.answered();
    this.#reader.saw(rev);
    void this.#courier.deliver(true);
  }

  #down({ code, reason, final }: Ending): void {
    const was = this.#synced;
    this.#synced = false;
    this.#stop();
    if (was || final !== undefined) this.#emit('disconnected', { code, reason: final?.code ?? reason, final: final !== undefined || !this.#open });
  }

  #stop(): void {
    this.#courier.stop();
    this.#reader.stop();
    this.#company.stop();
  }

  #note(): void {
    const saved = this.#outbox.empty;
    const turned = saved !== this.#saved;
    this.#saved = saved;
    const kept = this.#isKept();
    const safer = kept !== this.#kept;
    this.#kept = kept;
    if (turned) this.#emit('saved', { saved });
    if (safer) this.#emit('kept', { kept });
  }

  #isKept(): boolean {
    return this.#saved || (this.#lasting && this.#keeper.idle);
  }

  #refused({ n, code, message = code }: Extract<ServerFrame, { type: 'nack' }>): void {
    if (code === 'room_gone') {
      this.#gone(code, message);
      return;
    }
    if (n === undefined || this.#outbox.flight?.n !== n) return;
    if (code === 'room_full' && this.#courier.full()) return;
    if (LATER.has(code)) this.#courier.failed();
    else this.#conflict(code, message);
  }

  /**
   * Goes on in memory, as another session: the numbers that the store has of this one are old from now on, and a later
   * page must not give them to other updates.
   */
  storeFailed(error: unknown): void {
    this.#session = freshName(this.#options.clock);
    this.#lasting = false;
    this.#note();
    this.#emit('store-failed', { error });
    this.#link.replace('The store failed.');
  }

  /** What was written here will never be in the room. */
  #conflict(code: string, message: string): void {
    const { text } = this;
    const lost = this.#outbox.clear();
    this.#bound = false;
    this.#whole = true;
    this.#reader.reset();
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

  async #snapshot(): Promise<void> {
    try {
      const { rev, update } = await this.#options.state();
      this.#replica.state(rev, update);
      this.#reader.answered();
      this.#reader.saw(rev);
    } catch {
      // Asked for again when the answer is overdue.
    }
  }
}
