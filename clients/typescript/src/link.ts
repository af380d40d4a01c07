// Keeps a room's connection: opens it, opens it again with jitter when it is lost, replaces it before API Gateway ends it
// after two hours (the new one is there before the old one goes), and finds out when it is dead.

import { Channel, type Ending, type SocketClass, type Ticket } from './channel.js';
import { Alarm, backoff, type Clock } from './clock.js';
import type { ClientFrame, ServerFrame } from './frames.js';
import { AuraError } from './problem.js';

/** Times of a link, in ms. */
export interface Pace {
  /** Bounds of the wait before a new try: full jitter below `base`, doubled each time up to `cap`. */
  base: number;
  cap: number;
  /** How often the room is told how far this client is; API Gateway ends what is silent for ten minutes. */
  heartbeat: number;
  /** The first time after `first` to twice that. */
  first: number;
  /** A connection that has said nothing for so long is asked something, and is dead if `answer` passes. */
  silence: number;
  answer: number;
  /** A connection is replaced at an age of `rotation` to `rotation + spread`. */
  rotation: number;
  spread: number;
}

export const PACE: Pace = {
  base: 500,
  cap: 30_000,
  heartbeat: 25_000,
  first: 1_000,
  silence: 60_000,
  answer: 10_000,
  rotation: 100 * 60_000,
  spread: 15 * 60_000,
};

export interface LinkOptions {
  clock: Clock;
  Socket: SocketClass;
  pace: Pace;
  ticket: () => Promise<Ticket>;
  join: () => ClientFrame;
  /** How far the client is, for heartbeats. */
  rev: () => number;
  hears: (frame: ServerFrame) => void;
  /** There is no connection any more, or a try came to nothing. */
  down: (ending: Ending) => void;
}

/** A problem of the ticket that no new try would change. */
const FINAL = new Set([400, 401, 403, 404, 410]);

export class Link {
  readonly #options: LinkOptions;
  readonly #retry: Alarm;
  readonly #beat: Alarm;
  readonly #age: Alarm;
  #live: Channel | undefined;
  #next: Channel | undefined;
  #asking = false;
  #attempt = 0;
  #wanted = false;
  #probed: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#retry = new Alarm(options.clock);
    this.#beat = new Alarm(options.clock);
    this.#age = new Alarm(options.clock);
  }

  get live(): boolean {
    return this.#live !== undefined;
  }

  /** Connects, and stays connected until `stop`. Called again, it does not wait for the next try. */
  start(): void {
    this.#wanted = true;
    if (this.#live === undefined && this.#next === undefined) void this.#open();
  }

  /** Ends the connection and tries no more. */
  stop(reason: string, final?: Ending['final']): void {
    this.#wanted = false;
    this.#retry.stop();
    this.#next?.end(reason);
    this.#live?.end(reason, final);
  }

  send(frame: ClientFrame): boolean {
    return this.#live?.send(frame) ?? false;
  }

  /** The connection is of no use any more: a new one. */
  replace(reason: string): void {
    this.#live?.end(reason);
  }

  async #open(): Promise<void> {
    if (this.#asking || this.#next !== undefined) return;
    this.#asking = true;
    this.#retry.stop();
    const { clock, Socket, join } = this.#options;
    try {
      const ticket = await this.#options.ticket();
      if (!this.#wanted) return;
      this.#next = new Channel({
        clock,
        Socket,
        ticket,
        join,
        hears: (frame, channel) => this.#hears(frame, channel),
        ended: (ending, channel) => this.#ended(ending, channel),
      });
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#asking = false;
    }
  }

  #refused(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const problem = error instanceof AuraError ? error : undefined;
    if (problem !== undefined && FINAL.has(problem.status)) {
      this.#over({ code: 0, reason: message, final: { code: problem.code, message } });
      return;
    }
    this.#again((problem?.retryAfter ?? 0) * 1000);
    if (this.#live === undefined) this.#options.down({ code: 0, reason: message });
  }

  #again(least = 0): void {
    if (!this.#wanted) return;
    const { clock, pace } = this.#options;
    const wait = least + backoff(clock, this.#attempt, pace.base, pace.cap);
    this.#attempt += 1;
    this.#retry.startOnce(wait, () => void this.#open());
  }

  /** Nothing will come of trying. */
  #over(ending: Ending): void {
    this.#wanted = false;
    this.#retry.stop();
    const live = this.#live;
    if (live === undefined) this.#options.down(ending);
    else live.end(ending.reason, ending.final);
  }

  #hears(frame: ServerFrame, channel: Channel): void {
    if (frame.type === 'welcome' && channel === this.#next) {
      const old = this.#live;
      this.#next = undefined;
      this.#live = channel;
      this.#attempt = 0;
      this.#options.hears(frame);
      this.#pulse();
      const { pace, clock } = this.#options;
      this.#age.start(pace.rotation + clock.random() * pace.spread, () => void this.#open());
      old?.end('replaced');
      return;
    }
    this.#options.hears(frame);
  }

  #ended(ending: Ending, channel: Channel): void {
    if (channel === this.#next) {
      this.#next = undefined;
      if (ending.final !== undefined) this.#over(ending);
      else {
        this.#again();
        if (this.#live === undefined) this.#options.down(ending);
      }
    } else if (channel === this.#live) {
      this.#live = undefined;
      this.#beat.stop();
      this.#age.stop();
      if (this.#next === undefined) this.#again();
      this.#options.down(ending);
    }
  }

  /** Tells the room how far this client is; asks for a sign of life where there was none for long. */
  #pulse(): void {
    const { pace, clock } = this.#options;
    this.#probed = undefined;
    const beat = (): void => {
      const live = this.#live;
      if (live === undefined) return;
      const silent = clock.now() - live.heard;
      if (this.#probed !== undefined && live.heard <= this.#probed) {
        live.end('Nothing answers.');
        return;
      }
      this.#probed = undefined;
      if (silent >= pace.silence) {
        this.#probed = clock.now();
        live.send({ action: 'pull', from: this.#options.rev() + 1 });
        this.#beat.start(pace.answer, beat);
        return;
      }
      live.send({ action: 'heartbeat', rev: this.#options.rev() });
      this.#beat.start(pace.heartbeat * (0.8 + 0.4 * clock.random()), beat);
    };
    // Soon: what was written while this client was joining may not have been sent to it.
    this.#beat.start(pace.first * (1 + clock.random()), beat);
  }
}
