// One socket to one room: opened with a one-use ticket, joined, and then open for frames until it ends. It ends once.

import { Alarm, type Clock } from './clock.js';
import { read, type ClientFrame, type ServerFrame } from './frames.js';

/** As much of a browser's WebSocket as is used. */
export interface Socket {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** The browser's `WebSocket`, or another of its kind. */
export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** What opens a socket, once. */
export interface Ticket {
  url: string;
  ticket: string;
}

/** How a channel ended. */
export interface Ending {
  /** The socket's code; 0 where there was none. */
  code: number;
  reason: string;
  /** Set where coming again would end the same way: why. */
  final?: { code: string; message: string };
}

export interface ChannelOptions {
  clock: Clock;
  Socket: SocketClass;
  ticket: Ticket;
  /** The frame to join with, as of now. */
  join: () => ClientFrame;
  /** Every frame that arrives, the welcome first. */
  hears: (frame: ServerFrame, channel: Channel) => void;
  ended: (ending: Ending, channel: Channel) => void;
}

/** `WebSocket.OPEN`. */
const OPEN = 1;
export const PROTOCOL = 'aura.v1';
/** How long opening, and then joining, may take, in ms. */
const OPENING_MS = 10_000;
const JOINING_MS = 5_000;
/** How often a join without an answer is tried on one socket. */
const JOINS = 3;
/** A join that failed is repeated after up to this many ms. */
const AGAIN_MS = 500;

/** What no new try would change. */
const FINAL = new Set(['forbidden', 'room_gone', 'bad_request']);

export class Channel {
  readonly #options: ChannelOptions;
  readonly #socket: Socket;
  readonly #alarm: Alarm;
  #state: 'opening' | 'joining' | 'open' | 'ended' = 'opening';
  #joins = 0;
  /** When the last frame came, in ms since 1970. */
  heard: number;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    this.heard = options.clock.now();
    const { url, ticket } = options.ticket;
    const socket = new options.Socket(url, [PROTOCOL, ticket]);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#message(data);
    socket.onclose = ({ code, reason }) => this.#end({ code, reason });
    socket.onerror = () => undefined; // a close follows
    this.#alarm.start(OPENING_MS, () => this.end('The socket did not open.'));
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  send(frame: ClientFrame): boolean {
    if (this.#state === 'ended' || this.#state === 'opening') return false;
    if (this.#socket.readyState !== OPEN) {
      // Its end may be told much later, where the network is gone.
      this.end('The socket is closing.');
      return false;
    }
    try {
      this.#socket.send(JSON.stringify(frame));
      return true;
    } catch {
      this.end('The socket does not take a message.');
      return false;
    }
  }

  /** Ends it from here. */
  end(reason: string, final?: Ending['final']): void {
    this.#end(final === undefined ? { code: 0, reason } : { code: 0, reason, final });
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'joining';
    this.#join();
  }

  #join(): void {
    this.#joins += 1;
    if (this.#joins > JOINS) {
      this.end('Nothing answers.');
      return;
    }
    this.#alarm.start(JOINING_MS, () => this.#join());
    this.send(this.#options.join());
  }

  #message(data: unknown): void {
    const frame = read(data);
    if (this.#state === 'ended' || frame === undefined) return;
    this.heard = this.#options.clock.now();
    if (this.#state === 'open' && frame.type === 'nack' && frame.code === 'not_joined') {
      this.#state = 'joining';
      this.#joins = 0;
      this.#join();
      return;
    }
    if (this.#state === 'joining') {
      if (frame.type === 'welcome') {
        this.#state = 'open';
        this.#alarm.stop();
      } else if (frame.type === 'failed' || (frame.type === 'nack' && !FINAL.has(frame.code))) {
        this.#alarm.start(this.#options.clock.random() * AGAIN_MS, () => this.#join());
        return;
      } else if (frame.type === 'nack') {
        const { code, message = code } = frame;
        this.#end({ code: 0, reason: message, final: { code, message } });
        return;
      }
    }
    this.#options.hears(frame, this);
  }

  #end(ending: Ending): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#alarm.stop();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(1000);
    } catch {
      // It was never open, or is closed.
    }
    this.#options.ended(ending, this);
  }
}
