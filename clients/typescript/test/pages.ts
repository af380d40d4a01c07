// Pages over one store, as a browser has them: each has locks that end with it, writes take time, and a page that
// crashes leaves what was written by then.

import type { Release, Store } from '../src/store.js';
import type { TestClock } from './clock.js';

/** What pages share. */
export class Disk {
  readonly kept = new Map<string, Uint8Array>();
  readonly locks = new Set<string>();
  readonly clock: TestClock;
  /** How long a write may take, in ms. */
  latency = 5;

  constructor(clock: TestClock) {
    this.clock = clock;
  }

  page(): Page {
    return new Page(this);
  }
}

export class Page implements Store {
  readonly #disk: Disk;
  readonly #held = new Set<string>();
  #crashed = false;
  /** Set to make every write fail from now on. */
  full = false;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Ends the page: its locks go, and writes that were under way never happen. */
  crash(): void {
    this.#crashed = true;
    for (const name of this.#held) this.#disk.locks.delete(name);
    this.#held.clear();
  }

  read(prefix: string): Promise<Map<string, Uint8Array>> {
    return Promise.resolve(new Map([...this.#disk.kept].filter(([name]) => name.startsWith(prefix))));
  }

  write(changes: ReadonlyMap<string, Uint8Array | null>): Promise<void> {
    const { clock, latency, kept } = this.#disk;
    if (this.full) return Promise.reject(new Error('The disk is full.'));
    return new Promise((resolve) => {
      clock.after(clock.random() * latency, () => {
        if (this.#crashed) return;
        for (const [name, bytes] of changes) {
          if (bytes === null) kept.delete(name);
          else kept.set(name, bytes);
        }
        resolve();
      });
    });
  }

  lock(name: string): Promise<Release | undefined> {
    if (this.#disk.locks.has(name)) return Promise.resolve(undefined);
    this.#disk.locks.add(name);
    this.#held.add(name);
    return Promise.resolve(() => {
      this.#held.delete(name);
      this.#disk.locks.delete(name);
    });
  }
}
