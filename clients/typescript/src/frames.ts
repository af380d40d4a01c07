// The frames of a room's socket. Clients' frames carry `action`, servers' carry `type`; bytes are base64. What the
// server sends is checked for the fields that are used here, and anything else is as good as not sent.

import { fromBase64 } from './base64.js';

export type Role = 'owner' | 'editor' | 'viewer';

/** Somebody in the room: a user in one window. */
export interface Participant {
  /** User and session: a user with two windows is here twice. */
  id: string;
  userId: string;
  session: string;
  name: string;
  cursor?: unknown;
  selection?: unknown;
  status?: unknown;
}

/** What a participant shows; each of them is the application's own JSON. */
export interface Presence {
  cursor?: unknown;
  selection?: unknown;
  status?: unknown;
}

export type ClientFrame =
  | { action: 'join'; room: string; kind: 'yjs'; session: string; rev?: number }
  | { action: 'update'; n: number; u: string }
  | { action: 'pull'; from: number }
  | ({ action: 'presence'; clock: number } & Presence)
  | { action: 'heartbeat'; rev: number }
  | { action: 'leave' };

/** The state that a join answers with: what the client lacks, or where all of it is. */
export interface State {
  update?: Uint8Array;
  url?: string;
}

export type ServerFrame =
  | {
      type: 'welcome';
      clientId: number;
      rev: number;
      epoch: number;
      role: Role;
      /** This client. */
      member: Participant;
      /** The first fifty. */
      members: Participant[];
      /** All. */
      count: number;
      /** Presence that comes more often than every so many ms is dropped. */
      pace: number;
      state: State;
    }
  | { type: 'ack'; n: number; rev: number }
  | { type: 'nack'; n?: number; code: string; message?: string }
  | { type: 'update'; rev: number; u: Uint8Array; by?: string }
  | { type: 'batch'; from: number; to: number; updates: { rev: number; u: Uint8Array; by?: string }[] }
  | { type: 'snapshot'; rev: number; url: string }
  | { type: 'behind'; rev: number }
  | ({ type: 'presence'; by: Participant; clock: number } & Presence)
  | { type: 'user-joined'; member: Participant }
  | { type: 'user-left'; by: string }
  | { type: 'role'; role: Role }
  | { type: 'room-gone' }
  /** API Gateway's own: the function that had a message failed, died or was not reached, and nobody knows how far it came. */
  | { type: 'failed'; message: string };

type Fields = Record<string, unknown>;

/** A server's frame, or nothing where it is none that is known here. */
export function read(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const fields: unknown = JSON.parse(data);
    return isFields(fields) ? frame(fields) : undefined;
  } catch {
    return undefined;
  }
}

function frame(fields: Fields): ServerFrame | undefined {
  switch (fields['type']) {
    case undefined:
      return typeof fields['message'] === 'string' ? { type: 'failed', message: fields['message'] } : undefined;
    case 'welcome': {
      const members = Array.isArray(fields['members']) ? fields['members'].map(participant) : [];
      return {
        type: 'welcome',
        clientId: whole(fields['clientId']),
        rev: whole(fields['rev']),
        epoch: whole(fields['epoch']),
        role: fields['role'] as Role,
        member: participant(fields['member']),
        members,
        count: whole(fields['count'] ?? members.length),
        pace: whole(fields['pace'] ?? 0),
        state: state(isFields(fields['state']) ? fields['state'] : {}),
      };
    }
    case 'ack':
      return { type: 'ack', n: whole(fields['n']), rev: whole(fields['rev']) };
    case 'nack': {
      const nack = { type: 'nack' as const, code: String(fields['code']), ...(typeof fields['message'] === 'string' && { message: fields['message'] }) };
      return fields['n'] === undefined ? nack : { ...nack, n: whole(fields['n']) };
    }
    case 'update':
      return { type: 'update', ...entry(fields) };
    case 'batch':
      return {
        type: 'batch',
        from: whole(fields['from']),
        to: whole(fields['to'], -1),
        updates: (fields['updates'] as unknown[]).filter(isFields).map(entry),
      };
    case 'snapshot':
      return { type: 'snapshot', rev: whole(fields['rev']), url: String(fields['url']) };
    case 'behind':
      return { type: 'behind', rev: whole(fields['rev']) };
    case 'presence':
      return { ...presence(fields), type: 'presence', by: participant(fields['by']), clock: whole(fields['clock']) };
    case 'user-joined':
      return { type: 'user-joined', member: participant(fields['member']) };
    case 'user-left':
      return { type: 'user-left', by: participant(fields['by']).id };
    case 'role':
      return { type: 'role', role: fields['role'] as Role };
    case 'room-gone':
      return { type: 'room-gone' };
    default:
      return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws where it is no whole number. */
function whole(value: unknown, least = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw new TypeError('not a whole number');
  return value as number;
}

function state(fields: Fields): State {
  if (typeof fields['url'] === 'string') return { url: fields['url'] };
  return typeof fields['update'] === 'string' ? { update: fromBase64(fields['update']) } : {};
}

function entry(fields: Fields): { rev: number; u: Uint8Array; by?: string } {
  const by = author(fields['by']);
  const read = { rev: whole(fields['rev']), u: fromBase64(String(fields['u'])) };
  return by === undefined ? read : { ...read, by };
}

/** Who made an entry; nobody made a room's first text. */
function author(by: unknown): string | undefined {
  return isFields(by) ? participant(by).id : undefined;
}

function participant(fields: unknown): Participant {
  if (!isFields(fields)) throw new TypeError('nobody');
  const { userId, session, name } = fields;
  if (typeof userId !== 'string' || typeof session !== 'string') throw new TypeError('nobody');
  return { id: `${userId}/${session}`, userId, session, name: typeof name === 'string' ? name : '' };
}

function presence(fields: Fields): Presence {
  const shown: Presence = {};
  for (const name of ['cursor', 'selection', 'status'] as const) if (name in fields) shown[name] = fields[name];
  return shown;
}
