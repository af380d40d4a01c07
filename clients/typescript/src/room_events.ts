// What a room tells, and what it is made with.

import type { SocketClass, Ticket } from './channel.js';
import type { Clock } from './clock.js';
import type { Edit } from './edit.js';
import type { Emitter } from './events.js';
import type { Participant, Role } from './frames.js';
import type { Pace } from './link.js';
import type { Store } from './store.js';

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
  /** Everything written here will outlive the page, or not yet: it is stored there, or kept in the store here. */
  kept: { roomId: string; kept: boolean };
  'role-changed': { roomId: string; role: Role };
  /** The store does not work: what is not saved will not outlive the page. */
  'store-failed': { roomId: string; error: unknown };
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
  /** Hears everything that the room tells. */
  also?: Emitter<RoomEvents>;
}
