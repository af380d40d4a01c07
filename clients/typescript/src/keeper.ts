// One room's copy in a store: the document as a list of updates, what waits to be sent, and how far the log was read.
// It belongs to a session, and a session to one page at a time. Sessions that no page has any more are taken over.

import type { Clock } from './clock.js';
import { PREFIX } from './outbox.js';
import { mergeAll } from './split.js';
import type { Change, Keep, Release, Store } from './store.js';

/** What is known of a session besides bytes. */
export interface Head {
  /** The first number that the session has not used. */
  next: number;
  /** The last entry of the log that the document has; everything before it, too. */
  rev: number;
  /** Which log `rev` counts in. */
  epoch: number;
  /** What the document's own writing is signed with. */
  clientId?: number;
}

/** What was found of a room. */
export interface Found {
  session: string;
  head: Head | undefined;
  /** Updates that make the document. */
  document: Uint8Array[];
  /** This session's own queue. */
  queue: Map<string, Uint8Array>;
  /** Updates that other sessions left unsent. */
  orphans: Uint8Array[];
  /** Whether other sessions were taken over: the document has to be kept anew. */
  taken: boolean;
}

/** Pieces of the document that are kept apart before they become one. */
const PIECES = 100;

export class Keeper {
  /** Of sessions that were taken over: goes with the first write, which has it. */
  readonly #superseded: string[] = [];
  readonly #theirs: Release[] = [];
  readonly #store: Store;
  readonly #prefix: string;
  readonly #release: Release;
  #pending = new Map<string, Change>();
  #written: Promise<void> = Promise.resolve();
  #pieces: number;
  #arrived: Uint8Array[] = [];
  #whole: (() => Uint8Array) | undefined;
  #scheduled = false;
  #broken = false;
  /** Writes that are under way. */
  #writing = 0;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  /** Hears when everything that was noted is written. */
  settled: () => void = () => undefined;

  private constructor(store: Store, prefix: string, release: Release, pieces: number, clock: Clock, failed: (error: unknown) => void) {
    this.#store = store;
    this.#prefix = prefix;
    this.#release = release;
    this.#pieces = pieces;
    this.#clock = clock;
    this.#failed = failed;
  }

  /**
   * Finds what was kept for a room, and takes a session: one that no page has, or `fresh`. `failed` hears once of a
   * store that does not work; from then on nothing is kept.
   */
  static async open(store: Store, room: string, fresh: string, clock: Clock, failed: (error: unknown) => void): Promise<[Keeper, Found]> {
    const prefix = `${room}/`;
    const names = [...(await store.read(prefix)).keys()];
    const sessions = new Set(names.map((name) => name.slice(prefix.length).split('/')[0]!));
    const free: [string, Map<string, Uint8Array>, Release][] = [];
    for (const session of sessions) {
      const release = await store.lock(prefix + session);
      // Read again under the lock: its owner may have written until then.
      if (release !== undefined) free.push([session, await within(store, `${prefix}${session}/`), release]);
    }
    if (free.length === 0) {
      const release = await store.lock(prefix + fresh);
      if (release === undefined) throw new Error(`The session ${fresh} is in use.`);
      free.push([fresh, new Map(), release]);
    }
    // Of several logs only the newest counts; what waits for an older one can be sent no more.
    const epochs = free.map(([, records]) => head(records)?.epoch ?? -1);
    const newest = Math.max(...epochs);
    free.sort(([, a], [, b]) => (head(b)?.epoch ?? -1) - (head(a)?.epoch ?? -1));
    const [[session, own, release], ...others] = free as [typeof free[0], ...typeof free];
    const found: Found = { session, head: head(own), document: pieces(own), queue: queue(own), orphans: [], taken: others.length > 0 };
    const keeper = new Keeper(store, `${prefix}${session}/`, release, found.document.length, clock, failed);
    for (const [other, records, done] of others) {
      const theirs = head(records);
      if (theirs !== undefined && theirs.epoch === newest && found.head !== undefined) {
        found.document.push(...pieces(records));
        found.orphans.push(...inOrder(queue(records)).map((bytes) => bytes.slice(8)));
        found.head.rev = Math.max(found.head.rev, theirs.rev);
      }
      for (const name of records.keys()) keeper.#superseded.push(`${prefix}${other}/${name}`);
      keeper.#theirs.push(done);
    }
    return [keeper, found];
  }

  /** Whether everything that was noted is written. */
  get idle(): boolean {
    return !this.#broken && this.#writing === 0 && this.#pending.size === 0 && this.#arrived.length === 0;
  }

  /** Notes a change; it is written soon, together with others. */
  readonly keep: Keep = (name, change) => {
    this.#pending.set(name, change);
    this.#schedule();
  };

  /** Notes what the document was given. `whole` makes all of it, for when there are too many pieces. */
  arrived(update: Uint8Array, whole: () => Uint8Array): void {
    this.#arrived.push(update);
    this.#whole = whole;
    this.#schedule();
  }

  /** Notes how far the session is. */
  head(head: Head): void {
    this.keep(HEAD, () => new TextEncoder().encode(JSON.stringify(head)));
  }

  /** Replaces the document by another. */
  replace(whole: () => Uint8Array): void {
    this.#arrived = [];
    this.#compact(whole);
    this.#schedule();
  }

  /** Writes what has changed; done when everything noted so far is written. Never fails: see `failed`. */
  flush(): Promise<void> {
    if (this.#broken) {
      this.#pending.clear();
      this.#arrived = [];
      return Promise.resolve();
    }
    if (this.#pending.size === 0 && this.#arrived.length === 0) return this.#written;
    this.#collect();
    const changes = new Map<string, Uint8Array | null>();
    for (const [name, change] of this.#pending) changes.set(this.#prefix + name, change === null ? null : change());
    for (const name of this.#superseded.splice(0)) changes.set(name, null);
    this.#pending = new Map();
    this.#writing += 1;
    this.#written = this.#written
      .then(() => this.#store.write(changes))
      .then(() => {
        for (const release of this.#theirs.splice(0)) release();
      })
      .catch((error: unknown) => {
        if (!this.#broken) this.#failed(error);
        this.#broken = true;
      })
      .then(() => {
        this.#writing -= 1;
        if (this.idle) this.settled();
      });
    return this.#written;
  }

  /** Writes the rest, or removes all, and leaves the session to whoever comes next. */
  async close(remove = false): Promise<void> {
    await this.flush();
    if (remove && !this.#broken) {
      const names = [...(await this.#store.read(this.#prefix)).keys()];
      await this.#store.write(new Map(names.map((name) => [name, null]))).catch(this.#failed);
    }
    this.#release();
    for (const release of this.#theirs.splice(0)) release();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(WAIT_MS, () => {
      this.#scheduled = false;
      void this.flush();
    });
  }

  #collect(): void {
    if (this.#arrived.length === 0) return;
    if (this.#pieces >= PIECES && this.#whole !== undefined) {
      this.#compact(this.#whole);
    } else {
      const piece = mergeAll(this.#arrived);
      this.#pending.set(`${PIECE}${this.#pieces}`, () => piece);
      this.#pieces += 1;
    }
    this.#arrived = [];
  }

  #compact(whole: () => Uint8Array): void {
    for (let at = 1; at < this.#pieces; at += 1) this.#pending.set(`${PIECE}${at}`, null);
    this.#pending.set(`${PIECE}0`, whole);
    this.#pieces = 1;
  }
}

/** How long changes are collected, in ms. */
const WAIT_MS = 50;
const HEAD = 'head';
const PIECE = 'doc/';

async function within(store: Store, prefix: string): Promise<Map<string, Uint8Array>> {
  const found = await store.read(prefix);
  return new Map([...found].map(([name, bytes]) => [name.slice(prefix.length), bytes]));
}

function head(records: Map<string, Uint8Array>): Head | undefined {
  const bytes = records.get(HEAD);
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Head);
}

function pieces(records: Map<string, Uint8Array>): Uint8Array[] {
  return inOrder(new Map([...records].filter(([name]) => name.startsWith(PIECE))));
}

function queue(records: Map<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...records].filter(([name]) => name.startsWith(PREFIX)));
}

/** By the number at the end of their names. */
function inOrder(records: Map<string, Uint8Array>): Uint8Array[] {
  const number = (name: string): number => Number(name.slice(name.lastIndexOf('/') + 1));
  return [...records].sort(([a], [b]) => number(a) - number(b)).map(([, bytes]) => bytes);
}
