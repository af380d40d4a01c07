// A local stack that runs already, as clients/typescript/check is told of it: accounts, services, and its processes.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { Api, CollaborationService, type ServiceOptions, type SocketClass } from '../../src/index.js';
import type { Opened } from '../../src/types.js';

const file = process.env['ADDRESSES'];
assert.ok(file, 'ADDRESSES names the file that aura-local wrote');

const addresses = JSON.parse(readFileSync(file, 'utf8')) as { http: string; dynamodb: string };

/** The HTTP API. */
export const url = addresses.http;

/** By function, then by operation of DynamoDB. */
export type Tallies = Record<string, Record<string, { calls: number; units: number }>>;

/** What the functions have asked of DynamoDB since the stack started. */
export async function tallies(): Promise<Tallies> {
  return (await (await fetch(`${addresses.dynamodb}/calls`)).json()) as Tallies;
}

/** The capacity units that were used between two of these, by function. */
export function units(before: Tallies, after: Tallies): Map<string, number> {
  const used = (of: Tallies, name: string): number => Object.values(of[name] ?? {}).reduce((sum, { units: one }) => sum + one, 0);
  const names = Object.keys(after).map((name) => [name, used(after, name) - used(before, name)] as const);
  return new Map(names.filter(([, sum]) => sum > 0));
}

/** What went through all sockets of a class. */
export interface Traffic {
  sent: number;
  /** By action. */
  actions: Map<string, number>;
  opened: number;
}

/** Sockets as a page of the stack's own origin opens them, counted. */
export function sockets(): { Socket: SocketClass; traffic: Traffic; open: Set<WebSocket> } {
  const traffic: Traffic = { sent: 0, actions: new Map(), opened: 0 };
  const open = new Set<WebSocket>();
  class Counted extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { origin: url });
      traffic.opened += 1;
      open.add(this);
      this.on('close', () => open.delete(this));
      this.on('error', () => undefined);
    }

    override send(text: string): void {
      assert.ok(Buffer.byteLength(text) <= 32_768, `a message of ${Buffer.byteLength(text)} bytes`);
      traffic.sent += 1;
      const { action } = JSON.parse(text) as { action: string };
      traffic.actions.set(action, (traffic.actions.get(action) ?? 0) + 1);
      super.send(text);
    }
  }
  return { Socket: Counted as unknown as SocketClass, traffic, open };
}

export interface Account extends Opened {
  password: string;
  api: Api;
}

/** A new account. */
export async function account(name: string): Promise<Account> {
  const password = randomUUID();
  const opened = await new Api(url).auth.register(`${name.toLowerCase()}-${randomUUID()}@example.com`, password, name);
  return { ...opened, password, api: new Api(url, opened.token) };
}

const services = new Set<CollaborationService>();

export function service(of: Account, options: ServiceOptions = {}): CollaborationService {
  const made = new CollaborationService(url, of.token, { WebSocket: sockets().Socket, ...options });
  services.add(made);
  return made;
}

/** Ends what a test opened. */
export function end(): void {
  for (const each of services) each.disconnect();
  services.clear();
}

/** A room of an owner that the others may write in. */
export async function roomOf(owner: Account, others: Account[], text?: string): Promise<string> {
  const { roomId } = await owner.api.rooms.create(text === undefined ? {} : { text });
  for (const { user } of others) await owner.api.rooms.setMember(roomId, user.id, 'editor');
  return roomId;
}

/** Waits until it is so; fails after a minute, or `seconds`. */
export async function until(so: () => boolean, what: string | (() => string), seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!so()) {
    assert.ok(performance.now() < end, `not within ${seconds} s: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
