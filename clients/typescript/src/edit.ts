// Edits of a text as simple editors make them: what happens at which place, in UTF-16 units as JavaScript counts.

import type * as Y from 'yjs';

export type Edit =
  | { type: 'insert'; position: number; content: string; length?: number }
  | { type: 'delete'; position: number; length: number; content?: string }
  | { type: 'replace'; position: number; length: number; content: string };

/** Half of a character that takes two units. */
const SURROGATE = /[\ud800-\udfff]/;
const LONE = /\p{Surrogate}/u;

/** Whether a text has characters of two units. */
export function isAstral(text: string): boolean {
  return SURROGATE.test(text);
}

/** Whether there can be such characters in an update: in UTF-8 they begin with these bytes, and other things may. */
export function mayBeAstral(update: Uint8Array): boolean {
  for (let at = 0; at + 1 < update.length; at += 1) {
    if (update[at]! >= 0xf0 && update[at]! <= 0xf4 && (update[at + 1]! & 0xc0) === 0x80) return true;
  }
  return false;
}

/**
 * Makes an edit in a text. Throws `RangeError` where it lies outside the text or within a character; the latter is
 * looked for only if the text is `astral`, because it takes reading all of it.
 */
export function apply(text: Y.Text, edit: Edit, astral: boolean): void {
  const { position } = edit;
  const removed = edit.type === 'insert' ? 0 : edit.length;
  const added = edit.type === 'delete' ? '' : edit.content;
  if (typeof added !== 'string') throw new TypeError('An insertion has a content.');
  if (!Number.isSafeInteger(position) || !Number.isSafeInteger(removed) || position < 0 || removed < 0 || position + removed > text.length) {
    throw new RangeError(`${position} and ${removed} units after it are not within a text of ${text.length}.`);
  }
  const change = (): void => {
    if (removed > 0) text.delete(position, removed);
    if (added !== '') text.insert(position, added);
  };
  if (astral) {
    const whole = text.toString();
    if (within(whole, position) || within(whole, position + removed)) throw new RangeError(`${position} lies within a character.`);
  }
  if (LONE.test(added)) throw new RangeError('The content has half a character.');
  if (text.doc === null) change();
  else text.doc.transact(change);
}

function within(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

/** What a change did, as edits to be made one after the other. */
export function edits(delta: Y.YTextEvent['delta']): Edit[] {
  const made: Edit[] = [];
  let position = 0;
  for (const { retain, insert, delete: length } of delta) {
    if (retain !== undefined) position += retain;
    else if (length !== undefined) made.push({ type: 'delete', position, length });
    else if (typeof insert === 'string') {
      made.push({ type: 'insert', position, content: insert });
      position += insert.length;
    } else if (insert !== undefined) position += 1;
  }
  return made;
}
