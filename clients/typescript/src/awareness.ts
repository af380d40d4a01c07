// Between a room's presence and an `Awareness` of y-protocols, by which editors show each other's cursors. The package is
// not needed: whatever has the shape of its class will do.

import type { Room } from './room.js';

type State = Record<string, unknown>;

/** As much of y-protocols' `Awareness` as is used. */
export interface AwarenessLike {
  readonly clientID: number;
  readonly states: Map<number, State>;
  readonly meta: Map<number, { clock: number; lastUpdated: number }>;
  getLocalState(): State | null;
  on(event: 'change', listener: (changes: unknown, origin: unknown) => void): void;
  off(event: 'change', listener: (changes: unknown, origin: unknown) => void): void;
  emit(event: 'change' | 'update', args: [{ added: number[]; updated: number[]; removed: number[] }, unknown]): void;
}

/** What the room carries of it, as a participant's status. */
interface Carried {
  awareness: { clientID: number; state: State | null };
}

/** An Awareness forgets who was not heard of for 30 s; who is in the room is, for all that is said, still here. */
const TOUCH_MS = 10_000;

/** Joins the two, until the answer is called. `every` repeats something, as `setInterval` does. */
export function bridge(room: Room, awareness: AwarenessLike): () => void {
  /** The id that each participant's state has in the Awareness. */
  const ids = new Map<string, number>();
  let last: string | undefined;
  const show = (): void => {
    const carried: Carried = { awareness: { clientID: awareness.clientID, state: awareness.getLocalState() } };
    const text = JSON.stringify(carried);
    if (text === last) return;
    last = text;
    room.show({ status: carried });
  };
  const changed = (_changes: unknown, origin: unknown): void => {
    if (origin === 'local') show();
  };
  const set = (participant: string, id: number, state: State | null): void => {
    const before = ids.get(participant);
    if (before !== undefined && before !== id) remove(participant);
    if (state === null) {
      remove(participant);
      return;
    }
    if (id === awareness.clientID) return;
    const known = awareness.states.has(id);
    ids.set(participant, id);
    awareness.states.set(id, state);
    awareness.meta.set(id, { clock: (awareness.meta.get(id)?.clock ?? 0) + 1, lastUpdated: Date.now() });
    tell(known ? { added: [], updated: [id], removed: [] } : { added: [id], updated: [], removed: [] });
  };
  const remove = (participant: string): void => {
    const id = ids.get(participant);
    ids.delete(participant);
    if (id !== undefined && awareness.states.delete(id)) tell({ added: [], updated: [], removed: [id] });
  };
  const tell = (changes: { added: number[]; updated: number[]; removed: number[] }): void => {
    awareness.emit('change', [changes, room]);
    awareness.emit('update', [changes, room]);
  };
  const meet = (participant: { id: string; status?: unknown }): void => {
    const carried = carriedBy(participant.status);
    if (participant.id !== room.you && carried !== undefined) set(participant.id, carried.clientID, carried.state);
  };
  const touch = setInterval(() => {
    for (const id of ids.values()) {
      const meta = awareness.meta.get(id);
      if (meta !== undefined) meta.lastUpdated = Date.now();
    }
  }, TOUCH_MS);
  // In Node, not a reason to stay.
  (touch as { unref?: () => void }).unref?.();
  const stops = [
    room.on('presence-changed', ({ participant }) => meet(participant)),
    room.on('user-joined', ({ participant }) => meet(participant)),
    room.on('user-left', ({ participant }) => remove(participant.id)),
    // Without a connection nobody knows who is here.
    room.on('disconnected', () => [...ids.keys()].forEach(remove)),
    room.on('room-synced', () => room.participants.forEach(meet)),
  ];
  awareness.on('change', changed);
  room.participants.forEach(meet);
  show();
  return () => {
    awareness.off('change', changed);
    clearInterval(touch);
    for (const stop of stops) stop();
    for (const participant of [...ids.keys()]) remove(participant);
  };
}

function carriedBy(status: unknown): Carried['awareness'] | undefined {
  const carried = (status as Partial<Carried> | null | undefined)?.awareness;
  return typeof carried?.clientID === 'number' ? carried : undefined;
}
