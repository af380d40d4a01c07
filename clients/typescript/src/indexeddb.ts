// The browser's store: one IndexedDB database of names and bytes, and the browser's locks, which end with their page
// even when it crashes.

import { MemoryStore, type Release, type Store } from './store.js';

const BYTES = 'bytes';

export class IndexedDbStore implements Store {
  readonly #database: Promise<IDBDatabase>;
  readonly #prefix: string;

  /** Opens the database; one that cannot be opened fails each call. */
  constructor(name = 'aura') {
    this.#prefix = name;
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(BYTES);
    this.#database = settled(request);
    this.#database.catch(() => undefined);
  }

  async read(prefix: string): Promise<Map<string, Uint8Array>> {
    const bytes = (await this.#database).transaction(BYTES).objectStore(BYTES);
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const [names, values] = await Promise.all([settled(bytes.getAllKeys(range)), settled(bytes.getAll(range))]);
    return new Map(names.map((name, at) => [String(name), values[at] as Uint8Array]));
  }

  async write(changes: ReadonlyMap<string, Uint8Array | null>): Promise<void> {
    const transaction = (await this.#database).transaction(BYTES, 'readwrite');
    const bytes = transaction.objectStore(BYTES);
    for (const [name, value] of changes) {
      if (value === null) bytes.delete(name);
      else bytes.put(value, name);
    }
    // Not when its last answer has come, for which a page that goes does not wait.
    transaction.commit();
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('The browser did not store it.'));
    });
  }

  lock(name: string): Promise<Release | undefined> {
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(`${this.#prefix}/${name}`, { ifAvailable: true }, (lock) => {
        if (lock === null) {
          resolve(undefined);
          return undefined;
        }
        return new Promise<void>((release) => resolve(() => release()));
      });
      held.catch(reject);
    });
  }
}

/** IndexedDB where there are locks to share it by, memory elsewhere. */
export function defaultStore(): Store {
  const shared = typeof indexedDB !== 'undefined' && typeof navigator !== 'undefined' && 'locks' in navigator;
  return shared ? new IndexedDbStore() : new MemoryStore();
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser did not answer.'));
  });
}
