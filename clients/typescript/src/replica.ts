// This client's copy of a room's document. The log's entries are applied in the order of their revs and never over a
// hole; what is written here goes into the outbox.

import * as Y from 'yjs';
import { isAstral, mayBeAstral } from './edit.js';
import type { Keeper, Head } from './keeper.js';
import type { Outbox } from './outbox.js';

/** The room's text: `doc.getText(ROOT)`. */
export const ROOT = 'text';

/** Where a transaction came from that was made elsewhere. */
export class Remote {
  constructor(readonly by: string | undefined) {}
}

/** What waits for its turn: an entry of somebody else's, or one of this client's own, which the document has. */
type Waiting = { u: Uint8Array; by: string | undefined } | 'own';

export interface ReplicaHooks {
  /** Something was written here. */
  written(): void;
  /** The room's text has changed. */
  changed(event: Y.YTextEvent, by: string | undefined, local: boolean): void;
  /** What was written here fits into no message, however it is divided. */
  unsendable(error: unknown): void;
}

export class Replica {
  readonly #outbox: Outbox;
  readonly #keeper: Keeper;
  readonly #hooks: ReplicaHooks;
  readonly #waiting = new Map<number, Waiting>();
  #doc: Y.Doc;
  #rev: number;
  #epoch: number;
  #clientId: number | undefined;
  #astral = false;
  #unwatch: () => void = () => undefined;

  constructor(doc: Y.Doc, head: Head | undefined, outbox: Outbox, keeper: Keeper, hooks: ReplicaHooks) {
    this.#doc = doc;
    this.#rev = head?.rev ?? 0;
    this.#epoch = head?.epoch ?? 0;
    this.#clientId = head?.clientId;
    this.#outbox = outbox;
    this.#keeper = keeper;
    this.#hooks = hooks;
    this.#watch();
  }

  get doc(): Y.Doc {
    return this.#doc;
  }

  /** Whether the text may ever have had a character of two units. */
  get astral(): boolean {
    return this.#astral;
  }

  get text(): Y.Text {
    return this.#doc.getText(ROOT);
  }

  /** The last entry that is applied; so is all before it. */
  get rev(): number {
    return this.#rev;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the room has ever answered: before that, nothing may be written. */
  get signed(): boolean {
    return this.#clientId !== undefined;
  }

  /** The first entry that is missing though a later one is here. */
  get hole(): number | undefined {
    return this.#waiting.size > 0 ? this.#rev + 1 : undefined;
  }

  /** The room's answer to a join: the state up to `rev`, and what to sign with from now on. */
  welcome(rev: number, epoch: number, clientId: number, update: Uint8Array | undefined): void {
    this.#epoch = epoch;
    this.state(rev, update);
    this.#clientId = clientId;
    this.#sign();
    this.noted();
  }

  /** A state that has everything up to `rev`. */
  state(rev: number, update: Uint8Array | undefined): void {
    if (update !== undefined) this.#apply(update, undefined);
    if (rev > this.#rev) this.#rev = rev;
    for (const waiting of this.#waiting.keys()) if (waiting <= this.#rev) this.#waiting.delete(waiting);
    this.#drain();
  }

  /** An entry of the log; in any order, any number of times. */
  entry(rev: number, u: Uint8Array, by: string | undefined): void {
    if (rev <= this.#rev) return;
    if (!this.#waiting.has(rev)) this.#waiting.set(rev, { u, by });
    this.#drain();
  }

  /** An entry of the log that was made here. */
  own(rev: number): void {
    if (rev <= this.#rev) return;
    this.#waiting.set(rev, 'own');
    this.#drain();
  }

  /** Goes on with another document in the place of this one, which is left as it is. */
  replace(doc: Y.Doc): void {
    this.#unwatch();
    this.#doc = doc;
    this.#watch();
    this.#sign();
  }

  /** Forgets all: the next welcome brings everything. */
  reset(doc: Y.Doc): void {
    this.#waiting.clear();
    this.#rev = 0;
    this.replace(doc);
    this.#keeper.replace(() => Y.encodeStateAsUpdate(doc));
    this.noted();
  }

  stop(): void {
    this.#unwatch();
  }

  /** Keeps how far this is. */
  noted(): void {
    const { next } = this.#outbox;
    const head: Head = { next, rev: this.#rev, epoch: this.#epoch };
    this.#keeper.head(this.#clientId === undefined ? head : { ...head, clientId: this.#clientId });
  }

  #drain(): void {
    const before = this.#rev;
    for (let next = this.#waiting.get(this.#rev + 1); next !== undefined; next = this.#waiting.get(this.#rev + 1)) {
      this.#waiting.delete(this.#rev + 1);
      if (next !== 'own') this.#apply(next.u, next.by);
      this.#rev += 1;
    }
    if (this.#rev !== before) this.noted();
  }

  #apply(update: Uint8Array, by: string | undefined): void {
    try {
      Y.applyUpdate(this.#doc, update, new Remote(by));
    } catch {
      // The room sets such an entry aside, and so does everybody in it.
    }
    // Yjs takes another id when it meets its own writing in what comes from elsewhere, as after a reload.
    this.#sign();
  }

  #sign(): void {
    if (this.#clientId !== undefined && this.#doc.clientID !== this.#clientId) this.#doc.clientID = this.#clientId;
  }

  #watch(): void {
    const doc = this.#doc;
    const text = doc.getText(ROOT);
    this.#astral = isAstral(text.toString());
    const updated = (update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local }: Y.Transaction): void => {
      this.#astral ||= mayBeAstral(update);
      this.#keeper.arrived(update, () => Y.encodeStateAsUpdate(this.#doc));
      if (!local) return;
      try {
        this.#outbox.add(update);
      } catch (error) {
        this.#hooks.unsendable(error);
        return;
      }
      this.#hooks.written();
    };
    const changed = (event: Y.YTextEvent, { local, origin }: Y.Transaction): void => {
      this.#hooks.changed(event, origin instanceof Remote ? origin.by : undefined, local);
    };
    doc.on('update', updated);
    text.observe(changed);
    this.#unwatch = () => {
      doc.off('update', updated);
      text.unobserve(changed);
    };
  }
}
