// A Yjs update that is too large for one message becomes several, each of which stands on what came before it. Only for
// updates of one transaction: their structs belong to one client, so the order of clocks is the order of causes.

import * as Y from 'yjs';

/** What an update may have, in bytes: as base64 in JSON it stays below the 32 KB that API Gateway takes in one frame. */
export const MOST_BYTES = 23_000;

/** So many updates are merged at a time: Yjs sorts them anew after each, so that many at once take much longer. */
const AT_ONCE = 32;

/** One update of many, which are in order. */
export function mergeAll(updates: Uint8Array[]): Uint8Array {
  let merged = updates;
  while (merged.length > 1) {
    const next: Uint8Array[] = [];
    for (let at = 0; at < merged.length; at += AT_ONCE) next.push(Y.mergeUpdates(merged.slice(at, at + AT_ONCE)));
    merged = next;
  }
  return merged[0] ?? new Uint8Array([0, 0]);
}

/** A part of an update would not fit into a message by itself, such as one large embedded object. */
export class TooLarge extends Error {
  constructor(bytes: number) {
    super(`A part of ${bytes} bytes cannot be divided; ${MOST_BYTES} is the most.`);
    this.name = 'TooLarge';
  }
}

type Struct = Y.Item | Y.GC | Y.Skip;
interface Range { client: number; clock: number; len: number }

/**
 * The same update in parts of at most `most` bytes, to be applied in order. What is deleted goes last: it may be what
 * the parts before it insert. Throws `TooLarge`.
 */
export function split(update: Uint8Array, most = MOST_BYTES): Uint8Array[] {
  if (update.length <= most) return [update];
  const { structs, ds } = Y.decodeUpdate(update);
  const rest: Struct[] = [...structs].sort((a, b) => a.id.client - b.id.client || a.id.clock - b.id.clock);
  const parts: Uint8Array[] = [];
  let group: Struct[] = [];
  let used = 0;
  const close = (): void => {
    if (group.length > 0) parts.push(encode(group, []));
    group = [];
    used = 0;
  };
  while (rest.length > 0) {
    const next = rest[0]!;
    if (group.length > 0 && group[0]!.id.client !== next.id.client) close();
    const size = measure(next);
    if (used + size <= most) {
      group.push(next);
      used += size;
      rest.shift();
      continue;
    }
    const halves = cut(next, most - used - overhead(next));
    if (halves !== undefined) {
      group.push(halves[0]);
      rest[0] = halves[1];
    } else if (group.length === 0) {
      throw new TooLarge(size);
    }
    close();
  }
  close();
  parts.push(...deletions(ds, most));
  return parts;
}

/** An upper bound of what a struct takes, with a header of its own. */
function measure(struct: Struct): number {
  return encode([struct], []).length;
}

/** What a struct takes besides its content. */
function overhead(struct: Struct): number {
  return struct instanceof Y.Item ? measure(struct) - contentBytes(struct) + 8 : 0;
}

function contentBytes(item: Y.Item): number {
  return item.content instanceof Y.ContentString ? new TextEncoder().encode(item.content.str).length : 0;
}

/** The first part of a text, of at most `bytes`, and the rest; nothing where that is not possible. */
function cut(struct: Struct, bytes: number): [Struct, Struct] | undefined {
  if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString) || bytes < 4) return undefined;
  const text = struct.content.str;
  const room = new Uint8Array(bytes);
  // Never ends within a character, be it of one UTF-16 unit or two.
  const length = new TextEncoder().encodeInto(text, room).read;
  if (length === 0 || length >= text.length) return undefined;
  const { id, origin, rightOrigin, parentSub } = struct;
  const parent = struct.parent as Y.ID | null;
  const left = new Y.Item(id, null, origin, null, rightOrigin, parent, parentSub, new Y.ContentString(text.slice(0, length)));
  const rightId = Y.createID(id.client, id.clock + length);
  const last = Y.createID(id.client, id.clock + length - 1);
  const right = new Y.Item(rightId, null, last, null, rightOrigin, null, parentSub, new Y.ContentString(text.slice(length)));
  return [left, right];
}

function deletions(ds: ReturnType<typeof Y.decodeUpdate>['ds'], most: number): Uint8Array[] {
  const ranges: Range[] = [];
  for (const [client, items] of ds.clients) {
    for (const { clock, len } of items) ranges.push({ client, clock, len });
  }
  // A range takes at most three numbers of eight bytes.
  const each = Math.max(1, Math.floor((most - 16) / 24));
  const parts: Uint8Array[] = [];
  for (let at = 0; at < ranges.length; at += each) parts.push(encode([], ranges.slice(at, at + each)));
  return parts;
}

/** Structs of one client with rising clocks, and what is deleted. */
function encode(structs: Struct[], deleted: Range[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  const number = (value: number): void => encoder.writeLen(value);
  const [first] = structs;
  number(first === undefined ? 0 : 1);
  if (first !== undefined) {
    number(structs.length);
    encoder.writeClient(first.id.client);
    number(first.id.clock);
    for (const struct of structs) struct.write(encoder, 0);
  }
  const clients = new Map<number, Range[]>();
  for (const range of deleted) clients.set(range.client, [...(clients.get(range.client) ?? []), range]);
  number(clients.size);
  for (const [client, ranges] of [...clients].sort((a, b) => b[0] - a[0])) {
    encoder.writeClient(client);
    number(ranges.length);
    for (const { clock, len } of ranges) {
      encoder.writeDsClock(clock);
      encoder.writeDsLen(len);
    }
  }
  return encoder.toUint8Array();
}
