// A <textarea> that is a room's text: what is typed goes to the room, what others write comes in around the caret, and
// their cursors stand in a mirror of the text over it.

import { el } from './dom.js';

const high = (text, at) => /[\ud800-\udbff]/.test(text[at] ?? '');
const low = (text, at) => /[\udc00-\udfff]/.test(text[at] ?? '');

/** The one change that makes `after` of `before`, of whole characters: {position, length, content}. */
export function change(before, after) {
  let start = 0;
  const most = Math.min(before.length, after.length);
  while (start < most && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  if (start > 0 && high(before, start - 1)) start -= 1;
  if (end > 0 && low(before, before.length - end)) end -= 1;
  return { position: start, length: before.length - end - start, content: after.slice(start, after.length - end) };
}

/** Where a place is after an edit; what is inserted at it comes before it only for `after`. */
function moved(at, { position, length = 0, content = '' }, after = false) {
  if (at < position || (at === position && !after)) return at;
  if (at <= position + length && length > 0) return position;
  return at + content.length - length;
}

const COLOURS = 6;

/** A colour for everybody who is here, by their ids: the same in every window, and another for each as long as they last. */
export function colours(participants) {
  const taken = new Map();
  for (const id of participants.map((one) => one.id).sort()) {
    let hash = 0;
    for (const char of id) hash = (hash * 31 + char.codePointAt(0)) % 9973;
    let slot = hash % COLOURS;
    for (let tried = 1; tried < COLOURS && [...taken.values()].includes(`who-${slot}`); tried += 1) slot = (slot + 1) % COLOURS;
    taken.set(id, `who-${slot}`);
  }
  return taken;
}

/** Joins the two, until the answer is called. */
export function share(area, mirror, room) {
  let shown = room.text; // what of the room's text is in the area, without what is being composed
  let composing = false;
  let others = []; // edits that came while a character was being composed
  area.value = shown;

  const draw = () => {
    const colour = colours(room.participants);
    const places = room.participants
      .filter((one) => one.id !== room.you && one.cursor)
      .map((one) => ({ ...one, at: room.positionOf(one.cursor) }))
      .filter(({ at }) => at !== undefined && at <= area.value.length)
      .sort((a, b) => a.at - b.at);
    const nodes = [];
    let from = 0;
    for (const { id, name, at } of places) {
      nodes.push(area.value.slice(from, at), el('span', { class: `caret ${colour.get(id)}`, 'data-name': name }));
      from = at;
    }
    // A last line without anything in it needs something to stand on.
    mirror.replaceChildren(...nodes, `${area.value.slice(from)}\u200b`);
    mirror.style.width = `${area.clientWidth + 2}px`;
    mirror.style.height = `${area.clientHeight + 2}px`;
    mirror.scrollTop = area.scrollTop;
  };

  const point = () => {
    if (document.activeElement === area && room.ready) room.show({ cursor: room.cursorAt(Math.min(area.selectionEnd, room.text.length)) });
  };

  const typed = () => {
    if (composing || area.value === shown) return;
    const made = change(shown, area.value);
    const caret = others.reduce((at, edit) => moved(at, edit), area.selectionEnd);
    // Where others wrote meanwhile, it goes to where its place is now.
    const position = others.reduce((at, edit) => moved(at, edit), made.position);
    const end = others.reduce((at, edit) => moved(at, edit), made.position + made.length);
    const late = others.length > 0;
    others = [];
    try {
      room.edit({ type: 'replace', position, length: Math.max(0, end - position), content: made.content });
    } finally {
      shown = room.text;
      if (late || area.value !== shown) {
        area.value = shown;
        area.setSelectionRange(caret, caret);
      }
    }
    point();
    draw();
  };

  const start = () => { composing = true; };
  const end = () => {
    composing = false;
    typed();
    if (area.value !== room.text) reset();
  };
  const reset = () => {
    const { selectionStart, selectionEnd } = area;
    others = [];
    shown = room.text;
    area.value = shown;
    area.setSelectionRange(selectionStart, selectionEnd);
    draw();
  };

  const listeners = [
    [area, 'input', typed], [area, 'compositionstart', start], [area, 'compositionend', end], [area, 'scroll', draw], [document, 'selectionchange', point],
  ];
  for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
  const observer = new ResizeObserver(draw);
  observer.observe(area);
  const stops = [
    room.on('document-changed', ({ edits, local }) => {
      if (local) return;
      if (composing) {
        others.push(...edits);
        return;
      }
      for (const { position, length = 0, content = '' } of edits) area.setRangeText(content, position, position + length, 'preserve');
      shown = area.value;
      draw();
    }),
    room.on('room-synced', () => { if (!composing && area.value !== room.text) reset(); }),
    room.on('conflict', reset),
    ...['cursor-moved', 'user-joined', 'user-left'].map((event) => room.on(event, draw)),
  ];
  draw();
  return () => {
    for (const [target, name, listener] of listeners) target.removeEventListener(name, listener);
    observer.disconnect();
    for (const stop of stops) stop();
    area.value = '';
    mirror.replaceChildren();
  };
}
