// Brings what waits in the outbox to the room: one update at a time, sent again until it is answered.

import { toBase64 } from './base64.js';
import { Alarm, type Clock } from './clock.js';
import type { ClientFrame } from './frames.js';
import type { Outbox } from './outbox.js';

/** What is not answered is sent again after so long, in ms; after so many times the connection is replaced. */
export const ANSWER_MS = 5_000;
const TRIES = 3;
/** What failed is sent again after up to this many ms. */
export const AGAIN_MS = 500;
/** Updates follow each other after so long at the earliest, in ms: the server takes 50 messages a second from a client. */
const SPACE_MS = 30;

/** For so long a full room is tried again, and after so long each time, in ms. */
const FULL_MS = 120_000;
const FULL_AGAIN_MS = 2_000;

export interface CourierOptions {
  clock: Clock;
  outbox: Outbox;
  /** Whether the room can be spoken to. */
  open: () => boolean;
  /** Keeps the outbox as it is; done when it is kept. */
  kept: () => Promise<void>;
  send: (frame: ClientFrame) => boolean;
  /** Nothing answers. */
  silent: () => void;
}

export class Courier {
  readonly #of: CourierOptions;
  readonly #answer: Alarm;
  #sending = false;
  #tries = 0;
  #fullSince: number | undefined;
  /** When the last update was sent, in ms since 1970. */
  #sent = -Infinity;

  constructor(options: CourierOptions) {
    this.#of = options;
    this.#answer = new Alarm(options.clock);
  }

  /** Sends the next update, if none is on its way; `again`: that one, too. */
  async deliver(again = false): Promise<void> {
    const { clock, outbox, open, kept, send } = this.#of;
    if (!open() || this.#sending || (this.#answer.set && !again)) return;
    const wait = this.#sent + SPACE_MS - clock.now();
    if (wait > 0) {
      this.#answer.start(wait, () => void this.deliver(true));
      return;
    }
    const entry = outbox.take();
    if (entry === undefined) return;
    // Its number is kept before anybody hears of it: after a reload, it must not be given to another update.
    this.#sending = true;
    await kept();
    this.#sending = false;
    if (!open() || outbox.flight?.n !== entry.n) return;
    this.#sent = clock.now();
    this.#answer.start(ANSWER_MS, () => this.#again());
    send({ action: 'update', n: entry.n, u: toBase64(entry.u) });
  }

  /** False for an answer that was heard before. */
  acked(n: number): boolean {
    if (!this.#of.outbox.acked(n)) return false;
    this.#fullSince = undefined;
    this.stop();
    return true;
  }

  /** Something failed, perhaps the update: it is sent again soon. */
  failed(): void {
    if (this.#of.outbox.flight !== undefined) this.#answer.start(this.#of.clock.random() * AGAIN_MS, () => this.#again());
  }

  /** The room is full. What is in it shrinks when its history is made shorter: false once that has been waited for. */
  full(): boolean {
    const now = this.#of.clock.now();
    this.#fullSince ??= now;
    if (now - this.#fullSince > FULL_MS) return false;
    this.#answer.start(FULL_AGAIN_MS * (1 + this.#of.clock.random()), () => void this.deliver(true));
    return true;
  }

  stop(): void {
    this.#answer.stop();
    this.#tries = 0;
  }

  #again(): void {
    this.#tries += 1;
    if (this.#tries > TRIES) this.#of.silent();
    else void this.deliver(true);
  }
}
