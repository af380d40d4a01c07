// The calls that applications make to write together: a thin layer over rooms, for one account.

import type * as Y from 'yjs';
import { bridge, type AwarenessLike } from './awareness.js';
import { fromBase64 } from './base64.js';
import type { SocketClass } from './channel.js';
import { systemClock, type Clock } from './clock.js';
import type { Edit } from './edit.js';
import { Emitter, type Listener } from './events.js';
import type { Participant } from './frames.js';
import { Api, type Credential, type HttpOptions } from './http.js';
import { defaultStore } from './indexeddb.js';
import type { Pace } from './link.js';
import { AuraError } from './problem.js';
import { Room } from './room.js';
import type { RoomEvents } from './room_events.js';
import type { Store } from './store.js';
import type { Profile } from './types.js';

export interface ServiceOptions extends HttpOptions {
  /** The class of sockets; the platform's own unless given. Node has one from version 22 on. */
  WebSocket?: SocketClass;
  /** Where copies and queues outlive the page: IndexedDB in browsers, memory elsewhere, unless given. */
  store?: Store;
  pace?: Partial<Pace>;
  clock?: Clock;
}

export class CollaborationService {
  /** The HTTP API with the same token. */
  readonly api: Api;
  readonly #options: ServiceOptions;
  readonly #events = new Emitter<RoomEvents>();
  readonly #rooms = new Map<string, Room>();
  readonly #opening = new Map<string, Promise<Room>>();
  readonly #store: Store;
  #current: Room | undefined;
  readonly #online = (): void => this.#rooms.forEach((room) => room.connect());
  /** A page that goes may not come back: what is collected is written now. */
  readonly #leaving = (): void => this.#rooms.forEach((room) => void room.flush());

  /** `url` is the HTTP API's; `authToken` an access token or API key, or what gives the present one. */
  constructor(url: string, authToken: Credential, options: ServiceOptions = {}) {
    this.api = new Api(url, authToken, options);
    this.#options = options;
    this.#store = options.store ?? defaultStore();
  }

  /** Checks the token, and connects the rooms that were joined. Each room has a socket of its own, from `joinRoom` on. */
  async connect(): Promise<Profile> {
    const { user } = await this.api.auth.verify();
    this.#watch(true);
    this.#online();
    return user;
  }

  /** Closes all sockets. What is written meanwhile waits for `connect`. */
  disconnect(): void {
    this.#watch(false);
    for (const room of this.#rooms.values()) room.disconnect();
  }

  on<Name extends keyof RoomEvents>(event: Name, listener: Listener<RoomEvents[Name]>): () => void {
    return this.#events.on(event, listener);
  }

  off<Name extends keyof RoomEvents>(event: Name, listener: Listener<RoomEvents[Name]>): void {
    this.#events.off(event, listener);
  }

  /** Makes a room, with a text if there is one; its id. */
  async createRoom(name?: string, text?: string): Promise<string> {
    const room = { ...(name !== undefined && { name }), ...(text !== undefined && { text }) };
    return (await this.api.rooms.create(room)).roomId;
  }

  /**
   * Enters a room, which from then on is the one that calls without a room's id are about. Done when the room has
   * answered, or at once where there is a copy of it from before: then it is caught up with in the background. Throws
   * `AuraError` where the room cannot be entered.
   */
  async joinRoom(roomId: string): Promise<Room> {
    const opening = this.#opening.get(roomId) ?? this.#enter(roomId);
    this.#opening.set(roomId, opening);
    try {
      this.#current = await opening;
      return this.#current;
    } catch (error) {
      this.#opening.delete(roomId);
      throw error;
    }
  }

  /** See `Room.leave`. */
  async leaveRoom(roomId?: string, forget = false): Promise<void> {
    const room = this.#room(roomId);
    this.#rooms.delete(room.id);
    this.#opening.delete(room.id);
    if (this.#current === room) this.#current = undefined;
    await room.leave(forget);
    if (this.#rooms.size === 0 && typeof globalThis.removeEventListener === 'function') globalThis.removeEventListener('pagehide', this.#leaving);
  }

  /** A room that was joined. */
  room(roomId?: string): Room {
    return this.#room(roomId);
  }

  sendEdit(edit: Edit, roomId?: string): void {
    this.#room(roomId).edit(edit);
  }

  /** `cursor` is the application's own JSON, such as an offset. */
  sendCursorPosition(cursor: unknown, roomId?: string): void {
    this.#room(roomId).show({ cursor });
  }

  updateSelection(selection: unknown, roomId?: string): void {
    this.#room(roomId).show({ selection });
  }

  updatePresence(status: unknown, roomId?: string): void {
    this.#room(roomId).show({ status });
  }

  getRoomParticipants(roomId?: string): Participant[] {
    return this.#room(roomId).participants;
  }

  /** Whether everything written in the room is stored there. */
  isSaved(roomId?: string): boolean {
    return this.#room(roomId).saved;
  }

  /** Makes a document of an editor the room's own: see `Room.bind`. With an `Awareness`, cursors too. */
  bind(doc: Y.Doc, awareness?: AwarenessLike, roomId?: string): () => void {
    const room = this.#room(roomId);
    const unbind = room.bind(doc);
    const unbridge = awareness === undefined ? undefined : bridge(room, awareness);
    return () => {
      unbridge?.();
      unbind();
    };
  }

  async #enter(roomId: string): Promise<Room> {
    const Socket = this.#options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
    if (Socket === undefined) throw new TypeError('There is no WebSocket here: give one in the options.');
    const { pace, clock = systemClock } = this.#options;
    const room = await Room.open(roomId, {
      clock,
      also: this.#events,
      store: this.#store,
      Socket,
      ...(pace !== undefined && { pace }),
      account: accountOf(await this.api.http.token()),
      ticket: (id) => this.api.rooms.ticket(id),
      state: async () => {
        const { rev, epoch, update } = await this.api.rooms.snapshot(roomId);
        return { rev, epoch, update: fromBase64(update) };
      },
    });
    this.#rooms.set(roomId, room);
    this.#watch(true);
    try {
      await answered(room);
    } catch (error) {
      this.#rooms.delete(roomId);
      await room.leave();
      throw error;
    }
    return room;
  }

  #room(roomId?: string): Room {
    const room = roomId === undefined ? this.#current : this.#rooms.get(roomId);
    if (room === undefined) throw new Error(roomId === undefined ? 'No room was joined.' : `The room ${roomId} was not joined.`);
    return room;
  }

  /** Whether to try at once when the browser says that there is a network again. */
  #watch(on: boolean): void {
    if (typeof globalThis.addEventListener !== 'function') return;
    // The same listener is added once, however often. A page may go without a network, too.
    globalThis.addEventListener('pagehide', this.#leaving);
    globalThis.removeEventListener('online', this.#online);
    if (on) globalThis.addEventListener('online', this.#online);
  }
}

/** Connects; done with the first answer, or at once where there is a copy. */
function answered(room: Room): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => stops.forEach((end) => end());
    const stops = [
      room.on('room-synced', () => {
        stop();
        resolve();
      }),
      room.on('disconnected', ({ code, reason, final }) => {
        if (!final) return;
        stop();
        reject(new AuraError(`The room cannot be entered: ${reason}.`, { status: code, code: reason }));
      }),
    ];
    room.connect();
    if (room.ready) {
      stop();
      resolve();
    }
  });
}

/** Whose token it is, as a name for what is kept here: nothing is decided by it. */
function accountOf(token: string): string {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))) as { sub?: unknown };
    if (typeof claims.sub === 'string') return claims.sub;
  } catch {
    // An API key.
  }
  let hash = 0;
  for (let at = 0; at < token.length; at += 1) hash = (Math.imul(hash, 31) + token.charCodeAt(at)) | 0;
  return `key-${(hash >>> 0).toString(36)}`;
}
