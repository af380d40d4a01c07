// Who is in a room: what their frames say of them, told as the room's events, and what this client shows in return.

import type { Clock } from './clock.js';
import type { ClientFrame, Participant, Presence, ServerFrame } from './frames.js';
import { OwnPresence, Roster } from './presence.js';

type Told = 'cursor-moved' | 'presence-changed' | 'user-joined' | 'user-left';
type Welcome = Extract<ServerFrame, { type: 'welcome' }>;
type Meeting = Extract<ServerFrame, { type: 'presence' | 'user-joined' | 'user-left' }>;

export class Company {
  readonly #roster = new Roster();
  readonly #own: OwnPresence;
  readonly #tell: (event: Told, participant: Participant) => void;
  #you: string | undefined;
  #count = 0;

  constructor(clock: Clock, send: (frame: ClientFrame) => boolean, tell: (event: Told, participant: Participant) => void) {
    this.#own = new OwnPresence(clock, send);
    this.#tell = tell;
  }

  get you(): string | undefined {
    return this.#you;
  }

  get all(): Participant[] {
    return this.#roster.all;
  }

  get count(): number {
    return Math.max(this.#count, this.#roster.all.length);
  }

  /** The room has answered: who is here now. */
  welcome({ member, members, count, pace }: Welcome): void {
    this.#you = member.id;
    this.#count = count;
    this.#own.every = pace;
    const { joined, left } = this.#roster.reset(members);
    for (const participant of left) this.#tell('user-left', participant);
    for (const participant of joined) this.#tell('user-joined', { ...participant });
    this.#own.again();
  }

  meets(frame: Meeting): void {
    if (frame.type === 'user-joined') {
      if (this.#roster.joined(frame.member)) this.#tell('user-joined', { ...frame.member });
      // They have not seen what is shown here.
      this.#own.again();
    } else if (frame.type === 'user-left') {
      const participant = this.#roster.left(frame.by);
      if (participant !== undefined) this.#tell('user-left', participant);
    } else {
      const participant = this.#roster.shows(frame);
      if (participant === undefined) return;
      if ('cursor' in frame) this.#tell('cursor-moved', { ...participant });
      if ('selection' in frame || 'status' in frame) this.#tell('presence-changed', { ...participant });
    }
  }

  show(presence: Presence): void {
    this.#own.update(presence);
  }

  stop(): void {
    this.#own.stop();
  }
}
