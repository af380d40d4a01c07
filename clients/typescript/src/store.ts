// Where a room's copy and what waits to be sent outlive the page. A store keeps bytes under names and knows nothing of
// what they mean. `MemoryStore` is here, the browser's in indexeddb.ts; programs may bring their own.

/** Ends a lock. */
export type Release = () => void;

export interface Store {
  /** False for one that ends with the page: what is only in it is not kept. */
  readonly lasts?: boolean;
  /** Everything whose name begins with `prefix`, by name. */
  read(prefix: string): Promise<Map<string, Uint8Array>>;
  /** Writes (or, for `null`, removes) all of it or nothing. What an earlier call wrote is there before. */
  write(changes: ReadonlyMap<string, Uint8Array | null>): Promise<void>;
  /** Takes a lock that nobody else has, in any page over the same store; nothing if somebody has. It ends with the page. */
  lock(name: string): Promise<Release | undefined>;
}

/** A value to keep, made when it is written; `null` removes what was kept. */
export type Change = (() => Uint8Array) | null;

/** Notes a change under a name; the last one of a name counts. */
export type Keep = (name: string, change: Change) => void;

/** Lives as long as the program; shared by whoever is given the same one. */
export class MemoryStore implements Store {
  readonly lasts = false;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #locks = new Set<string>();

  read(prefix: string): Promise<Map<string, Uint8Array>> {
    return Promise.resolve(new Map([...this.#kept].filter(([name]) => name.startsWith(prefix))));
  }

  write(changes: ReadonlyMap<string, Uint8Array | null>): Promise<void> {
    for (const [name, bytes] of changes) {
      if (bytes === null) this.#kept.delete(name);
      else this.#kept.set(name, bytes);
    }
    return Promise.resolve();
  }

  lock(name: string): Promise<Release | undefined> {
    if (this.#locks.has(name)) return Promise.resolve(undefined);
    this.#locks.add(name);
    return Promise.resolve(() => void this.#locks.delete(name));
  }
}
