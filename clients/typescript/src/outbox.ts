// What was typed here and is not yet known to be stored there. Updates wait in segments, each small enough for one
// message; the first may be on its way and then never changes. Everything is also kept, so that it outlives the page.

import { MOST_BYTES, mergeAll, split } from './split.js';
import type { Keep } from './store.js';

/** An update with its number in the session; sent again, it is the same bytes under the same number. */
export interface Entry {
  readonly n: number;
  readonly u: Uint8Array;
}

interface Segment {
  readonly id: number;
  /** In the order of their making, so that each stands on those before it. */
  parts: Uint8Array[];
  bytes: number;
  /** Stays apart from what comes after it. */
  sealed?: boolean;
}

/** So many parts are merged into one at a time: merging is linear in what is merged. */
const PARTS = 64;

export class Outbox {
  readonly #keep: Keep;
  readonly #most: number;
  #segments: Segment[] = [];
  #flight: (Entry & { readonly id: number }) | undefined;
  #nextN: number;
  #nextId = 0;

  /** `keep` hears of every change at once; `next` is the first number that the session has not used. */
  constructor(keep: Keep, next = 1, most = MOST_BYTES) {
    this.#keep = keep;
    this.#nextN = next;
    this.#most = most;
  }

  /** The first number that is not used. */
  get next(): number {
    return this.#nextN;
  }

  /** The update on its way, if there is one. */
  get flight(): Entry | undefined {
    return this.#flight;
  }

  get empty(): boolean {
    return this.#flight === undefined && this.#segments.length === 0;
  }

  /** Bytes that wait, about. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, this.#flight?.u.length ?? 0);
  }

  /** Adds what one transaction made. Throws `TooLarge` where a part of it fits into no message. */
  add(update: Uint8Array): void {
    for (const part of split(update, this.#most)) this.#append(part);
  }

  /** Adds what another session left unsent. It may be stored already, so it is mixed with nothing that is not. */
  adopt(update: Uint8Array): void {
    this.#append(update, true);
  }

  /** The update to send now: the one on its way, or the next, which from here on does not change. */
  take(): Entry | undefined {
    if (this.#flight === undefined) {
      const segment = this.#segments.shift();
      if (segment === undefined) return undefined;
      merge(segment);
      const entry = { n: this.#nextN, u: segment.parts[0]! };
      this.#flight = { ...entry, id: segment.id };
      this.#nextN += 1;
      this.#keep(key(segment.id), () => record(entry));
    }
    return this.#flight;
  }

  /** Notes that number `n` is stored. False for a number that is not on its way, such as a repeated answer's. */
  acked(n: number): boolean {
    if (this.#flight?.n !== n) return false;
    this.#keep(key(this.#flight.id), null);
    this.#flight = undefined;
    return true;
  }

  /** Gives up on everything, and answers with it. */
  clear(): Uint8Array[] {
    const updates = this.#flight === undefined ? [] : [this.#flight.u];
    if (this.#flight !== undefined) this.#keep(key(this.#flight.id), null);
    for (const segment of this.#segments) {
      updates.push(...segment.parts);
      this.#keep(key(segment.id), null);
    }
    this.#flight = undefined;
    this.#segments = [];
    return updates;
  }

  /** Takes over what was kept, before anything is added. What was on its way is so again, under its number. */
  restore(kept: Map<string, Uint8Array>): Uint8Array[] {
    const found = [...kept].map(([name, bytes]) => ({ id: Number(name.slice(PREFIX.length)), ...parse(bytes) }));
    found.sort((a, b) => a.id - b.id);
    for (const { id, n, u } of found) {
      this.#nextId = Math.max(this.#nextId, id + 1);
      if (n > 0) {
        this.#flight = { n, u, id };
        this.#nextN = Math.max(this.#nextN, n + 1);
      } else {
        // Whether it was adopted is not kept: it may have been.
        this.#segments.push({ id, parts: [u], bytes: u.length, sealed: true });
      }
    }
    return found.map(({ u }) => u);
  }

  #append(part: Uint8Array, sealed = false): void {
    let last = sealed ? undefined : this.#segments.at(-1);
    if (last !== undefined && (last.bytes + part.length > this.#most || last.parts.length >= PARTS)) merge(last);
    if (last === undefined || last.sealed === true || last.bytes + part.length > this.#most) {
      last = { id: this.#nextId, parts: [], bytes: 0, sealed };
      this.#nextId += 1;
      this.#segments.push(last);
    }
    last.parts.push(part);
    last.bytes += part.length;
    const segment = last;
    // Made when it is written: a segment that grows is written once, however often it grew.
    this.#keep(key(segment.id), () => {
      merge(segment);
      return record({ n: 0, u: segment.parts[0]! });
    });
  }
}

function merge(segment: Segment): void {
  if (segment.parts.length < 2) return;
  const merged = mergeAll(segment.parts);
  segment.parts = [merged];
  segment.bytes = merged.length;
}

/** What the names of kept segments begin with. */
export const PREFIX = 'out/';

function key(id: number): string {
  return `${PREFIX}${id}`;
}

function record({ n, u }: Entry): Uint8Array {
  const bytes = new Uint8Array(8 + u.length);
  new DataView(bytes.buffer).setFloat64(0, n);
  bytes.set(u, 8);
  return bytes;
}

function parse(bytes: Uint8Array): Entry {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { n: view.getFloat64(0), u: bytes.slice(8) };
}
