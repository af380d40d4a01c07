// Who is here and what they show. Presence is worth nothing once it is old: it is sent at most so often, the newest
// counts, and none of it is kept.

import { Alarm, type Clock } from './clock.js';
import type { ClientFrame, Participant, Presence, ServerFrame } from './frames.js';

/** What a presence may take as JSON; the server takes 4 KB with what is around it. */
const MOST_CHARACTERS = 3_500;

export class Roster {
  readonly #members = new Map<string, Participant>();
  readonly #clocks = new Map<string, number>();
  /** Who has left: what they showed before may still arrive. */
  readonly #left = new Set<string>();

  get all(): Participant[] {
    return [...this.#members.values()].map((member) => ({ ...member }));
  }

  get(id: string): Participant | undefined {
    return this.#members.get(id);
  }

  /** Takes over who is here now; what they showed before stays. */
  reset(members: Participant[]): { joined: Participant[]; left: Participant[] } {
    const before = new Map(this.#members);
    const joined = members.filter(({ id }) => !before.has(id));
    const ids = new Set(members.map(({ id }) => id));
    const left = [...before.values()].filter(({ id }) => !ids.has(id));
    this.#members.clear();
    for (const member of members) this.#members.set(member.id, { ...before.get(member.id), ...member });
    for (const { id } of left) this.#clocks.delete(id);
    this.#left.clear();
    return { joined, left };
  }

  /** False if the participant was here. */
  joined(member: Participant): boolean {
    const known = this.#members.get(member.id);
    this.#left.delete(member.id);
    this.#members.set(member.id, { ...known, ...member });
    return known === undefined;
  }

  left(id: string): Participant | undefined {
    const member = this.#members.get(id);
    this.#members.delete(id);
    this.#clocks.delete(id);
    this.#left.add(id);
    return member;
  }

  /** What somebody shows, of whom in a large room this may be the first that is heard; nothing where something newer is known. */
  shows(frame: Extract<ServerFrame, { type: 'presence' }>): Participant | undefined {
    const { id } = frame.by;
    if (this.#left.has(id) || frame.clock <= (this.#clocks.get(id) ?? -1)) return undefined;
    const member = this.#members.get(id) ?? frame.by;
    this.#members.set(id, member);
    this.#clocks.set(id, frame.clock);
    for (const name of ['cursor', 'selection', 'status'] as const) {
      if (name in frame) member[name] = frame[name];
    }
    return member;
  }
}

/** What this client shows. */
export class OwnPresence {
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  readonly #send: (frame: ClientFrame) => boolean;
  /** It is sent at most every so many ms; what changes in between goes with the next. */
  every = 100;
  #shown: Presence = {};
  #changed = new Set<keyof Presence>();
  #count: number;

  constructor(clock: Clock, send: (frame: ClientFrame) => boolean) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock);
    this.#send = send;
    // Above what an earlier page of the same session may have counted to.
    this.#count = Math.floor(clock.now());
  }

  get shown(): Presence {
    return this.#shown;
  }

  update(presence: Presence): void {
    const shown = { ...this.#shown, ...presence };
    const { length } = JSON.stringify(shown);
    if (length > MOST_CHARACTERS) throw new RangeError(`Presence of ${length} characters is more than ${MOST_CHARACTERS}.`);
    this.#shown = shown;
    for (const name of Object.keys(presence) as (keyof Presence)[]) this.#changed.add(name);
    if (!this.#alarm.set) this.#flush();
  }

  /** Shows all of it again, for those who have not seen it. */
  again(): void {
    for (const name of Object.keys(this.#shown) as (keyof Presence)[]) this.#changed.add(name);
    if (this.#changed.size > 0) this.#alarm.startOnce(this.#clock.random() * this.every, () => this.#flush());
  }

  stop(): void {
    this.#alarm.stop();
  }

  #flush(): void {
    if (this.#changed.size === 0) return;
    const presence: Presence = {};
    for (const name of this.#changed) presence[name] = this.#shown[name] ?? null;
    this.#count = Math.max(this.#count + 1, Math.floor(this.#clock.now()));
    if (!this.#send({ action: 'presence', clock: this.#count, ...presence })) return;
    this.#changed.clear();
    this.#alarm.start(this.every, () => this.#flush());
  }
}
