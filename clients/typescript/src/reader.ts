// Sees to it that the replica has what the log has: asks for what is missing, and again if nothing comes.

import { AGAIN_MS, ANSWER_MS } from './courier.js';
import { Alarm, type Clock } from './clock.js';
import type { ClientFrame } from './frames.js';
import type { Replica } from './replica.js';

/** A hole is waited for this long before it is asked about, in ms. */
const HOLE_MS = 250;

export interface ReaderOptions {
  clock: Clock;
  replica: Replica;
  open: () => boolean;
  send: (frame: ClientFrame) => boolean;
}

export class Reader {
  readonly #of: ReaderOptions;
  readonly #alarm: Alarm;
  /** The last entry that the log is known to have. */
  #head = 0;
  #pulling = false;

  constructor(options: ReaderOptions) {
    this.#of = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** The log has an entry of this rev; the replica may have it, too. `now`: there is no need to wait for it. */
  saw(rev: number, now = false): void {
    if (rev > this.#head) this.#head = rev;
    const behind = this.#of.open() && this.#of.replica.rev < this.#head;
    if (!behind) {
      if (!this.#pulling) this.#alarm.stop();
    } else if (now) this.#pull();
    else this.#alarm.startOnce(HOLE_MS, () => this.#pull());
  }

  /** What was asked for is here. */
  answered(): void {
    this.#pulling = false;
  }

  /** Something failed, perhaps the question: it is asked again soon. */
  failed(): void {
    if (this.#pulling) this.#alarm.start(this.#of.clock.random() * AGAIN_MS, () => this.#pull());
  }

  stop(): void {
    this.#alarm.stop();
    this.#pulling = false;
  }

  /** Another log: nothing is known of it. */
  reset(): void {
    this.stop();
    this.#head = 0;
  }

  #pull(): void {
    const { open, replica, send } = this.#of;
    this.#pulling = open() && replica.rev < this.#head;
    if (!this.#pulling) return;
    this.#alarm.start(ANSWER_MS, () => this.#pull());
    send({ action: 'pull', from: replica.rev + 1 });
  }
}
