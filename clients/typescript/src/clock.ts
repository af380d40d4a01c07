// Time and chance, in one place, so that tests can own both.

/** Stops a timer; harmless when it has run. */
export type Cancel = () => void;

/** What the client asks of the world outside the network. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs once, `ms` later. */
  after(ms: number, run: () => void): Cancel;
  /** At least 0 and below 1. */
  random(): number;
}

/** The real ones. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** A timer of which there is at most one. */
export class Alarm {
  readonly #clock: Clock;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it will ring. */
  get set(): boolean {
    return this.#cancel !== undefined;
  }

  /** Rings `ms` from now, and not at the time set before. */
  start(ms: number, ring: () => void): void {
    this.stop();
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined;
      ring();
    });
  }

  /** The same, unless it is set already. */
  startOnce(ms: number, ring: () => void): void {
    if (!this.set) this.start(ms, ring);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** Full jitter: anything from 0 to a bound that doubles, so that clients that were cut off together do not return together. */
export function backoff(clock: Clock, attempt: number, base: number, cap: number): number {
  return clock.random() * Math.min(cap, base * 2 ** Math.min(attempt, 20));
}

/** A name that nobody else will think of. */
export function freshName(clock: Clock): string {
  const part = (): string => Math.floor(clock.random() * 2 ** 32).toString(36).padStart(7, '0');
  return `${clock.now().toString(36)}-${part()}${part()}`;
}
