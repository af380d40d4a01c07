// Time that moves only when a test says so, and chance from a seed.

import { setImmediate as turn } from 'node:timers/promises';
import type { Cancel, Clock } from '../src/clock.js';

/** Numbers from 0 to below 1 that depend on the seed alone (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Due {
  at: number;
  order: number;
  run: () => void;
}

export class TestClock implements Clock {
  #now = 1_700_000_000_000;
  #order = 0;
  #due: Due[] = [];
  readonly random: () => number;

  constructor(seed = 1) {
    this.random = chance(seed);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    const due = { at: this.#now + Math.max(0, ms), order: this.#order, run };
    this.#order += 1;
    this.#due.push(due);
    return () => {
      const at = this.#due.indexOf(due);
      if (at >= 0) this.#due.splice(at, 1);
    };
  }

  /** Lets `ms` pass, and everything happen that is due in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await turn();
    }
    this.#now = end;
  }

  /** Lets time pass until it is so; fails after `most` ms. */
  async until(so: () => boolean, most = 600_000, step = 50): Promise<void> {
    const end = this.#now + most;
    await turn();
    while (!so()) {
      if (this.#now >= end) throw new Error(`It was not so after ${most} ms: ${so}`);
      await this.pass(step);
    }
  }

  #next(end: number): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#due) {
      if (due.at <= end && (next === undefined || due.at < next.at || (due.at === next.at && due.order < next.order))) next = due;
    }
    return next;
  }
}
