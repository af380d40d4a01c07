// A text that several people write at once, in rooms. `#room=ID` in the address opens one.

import { alerts } from '../lib/alerts.js';
import { call, freshToken, Problem } from '../lib/api.js';
import { CollaborationService } from '../lib/aura-client.js';
import { busy, byId, el, isObject, partsOf, say } from '../lib/dom.js';
import { attemptKey } from '../lib/secrets.js';
import { session } from '../lib/session.js';
import { colours, share } from '../lib/shared_text.js';
import { copies } from '../lib/text.js';

const addressed = () => new URLSearchParams(location.hash.slice(1)).get('room');
const address = (id) => history.replaceState(null, '', id ? `#room=${encodeURIComponent(id)}` : location.pathname);

/** What the tag beside the title says. */
function status(room) {
  if (room.connected) return room.saved ? ['saved', false] : ['saving…', false];
  if (room.saved) return ['offline', true];
  return [room.kept ? 'offline, kept here until there is a network' : 'offline, not kept yet', true];
}

export const editorPanel = {
  id: 'editor',
  place: 'main',
  title: 'Write together',

  mount(body, { onLimit }) {
    const part = partsOf(body);
    const list = byId('rooms');
    const area = byId('shared-text');
    let user = null; // whose rooms these are
    let service = null;
    let open = null; // {room, unshare}
    let attempt = null; // {idempotencyKey, name} of a creation that has not succeeded yet
    const gone = (of) => session.current?.user?.id !== of;

    const draw = () => {
      const { room } = open;
      const [text, warm] = status(room);
      byId('room-status').textContent = text;
      byId('room-status').classList.toggle('warm', warm);
      area.readOnly = room.role === 'viewer';
      part.invite.hidden = room.role !== 'owner';
      const colour = colours(room.participants);
      byId('people').replaceChildren(...room.participants.map((one) =>
        el('li', { class: colour.get(one.id), dir: 'auto' }, one.name || one.userId, one.id === room.you ? ' (you)' : null)));
    };

    const close = async (forget = false) => {
      if (!open) return;
      const { room, unshare } = open;
      open = null;
      unshare();
      part.room.hidden = true;
      part.choose.hidden = false;
      address(null);
      await service.leaveRoom(room.id, forget);
    };

    const enter = async (id, name) => {
      const of = user;
      alerts.clear();
      try {
        await close();
        const room = await service.joinRoom(id);
        if (gone(of)) return;
        byId('room-title').textContent = name ?? 'A shared text';
        part.room.hidden = false;
        part.choose.hidden = true;
        open = { room, unshare: share(area, part.mirror, room) };
        address(id);
        draw();
        say(`The room ${name ?? ''} is open.`);
      } catch (error) {
        if (gone(of)) return;
        address(null);
        alerts.show(error.name === 'AuraError' ? new Problem({ status: error.status, sentence: error.message, code: error.code, requestId: error.requestId }) : error);
      }
    };

    const load = async () => {
      const of = user;
      try {
        const { rooms } = await call('GET', '/api/rooms', { onLimit });
        if (gone(of)) return;
        const known = rooms.filter(isObject);
        list.replaceChildren(...known.map(({ roomId, name, role }) => {
          const button = el('button', { type: 'button', class: 'chip', 'data-room': roomId, dir: 'auto' }, name || 'without a name', role === 'owner' ? null : ` (${role})`);
          button.addEventListener('click', () => busy(button, 'opening…', () => enter(roomId, name)));
          return el('li', {}, button);
        }));
        list.hidden = known.length === 0;
        part.state.textContent = known.length ? 'Your rooms, and those you were let into.' : 'No rooms yet.';
        const wanted = addressed();
        if (wanted && !open) await enter(wanted, known.find(({ roomId }) => roomId === wanted)?.name);
      } catch (error) {
        if (gone(of)) return;
        part.state.textContent = 'Your rooms could not be listed.';
        alerts.show(error);
      }
    };
    part.again.addEventListener('click', () => busy(part.again, 'checking…', () => { alerts.clear(); return load(); }));

    part.ask.addEventListener('submit', (event) => {
      event.preventDefault();
      const button = byId('create-room');
      const name = byId('room-name').value.trim();
      if (!user) {
        alerts.show(new Problem({ sentence: 'Log in first: rooms need an account.', code: 'NOT_LOGGED_IN' }));
        return;
      }
      if (attempt?.name !== name) attempt = { idempotencyKey: attemptKey(), name };
      const of = user;
      busy(button, 'Creating…', async () => {
        alerts.clear();
        try {
          const made = await call('POST', '/api/rooms', { body: name ? { name } : {}, idempotencyKey: attempt.idempotencyKey, onLimit });
          attempt = null;
          if (gone(of)) return;
          part.ask.reset();
          await enter(made.roomId, made.name);
          load();
        } catch (error) {
          if (!gone(of)) alerts.show(error);
        }
      });
    });

    part.invite.addEventListener('submit', (event) => {
      event.preventDefault();
      const guest = byId('guest').value.trim();
      if (!guest || !open) return;
      busy(byId('invite'), 'Letting in…', async () => {
        alerts.clear();
        try {
          await call('PUT', `/api/rooms/${encodeURIComponent(open.room.id)}/members/${encodeURIComponent(guest)}`, { body: { role: 'editor' }, onLimit });
          part.invite.reset();
          say('They may come in now.');
        } catch (error) {
          alerts.show(error);
        }
      });
    });
    byId('leave-room').addEventListener('click', () => close());
    copies(byId('copy-my-id'), () => byId('my-id'));

    const begin = (now) => {
      service = new CollaborationService(location.origin, freshToken);
      for (const event of ['connected', 'disconnected', 'saved', 'kept', 'role-changed', 'user-joined', 'user-left', 'room-synced']) {
        service.on(event, ({ roomId }) => { if (open?.room.id === roomId) draw(); });
      }
      service.on('disconnected', ({ roomId, final, reason }) => {
        if (!final || open?.room.id !== roomId) return;
        alerts.show(new Problem({ sentence: 'This room is closed to you, or gone.', code: reason }));
        close();
      });
      service.on('conflict', ({ code }) => {
        alerts.show(new Problem({ sentence: 'The room did not take what you wrote last; here is its text.', code: code.toUpperCase() }));
      });
      byId('my-id').textContent = now.user.id;
      load();
    };
    /** `forget`: with what is kept of the room here, as far as it is saved there. */
    const end = (forget) => {
      const ended = service;
      close(forget).catch((error) => alerts.show(error)).finally(() => ended?.disconnect());
      service = null;
      attempt = null;
      list.replaceChildren();
      list.hidden = true;
      part.ask.reset();
      part.state.textContent = 'Log in to write with others.';
      byId('my-id').textContent = '';
    };

    return {
      session(now) {
        const next = now?.user?.id ?? null;
        part.again.hidden = part.mine.hidden = !next;
        if (next === user) return;
        const wanted = addressed();
        if (user) end(true);
        user = next;
        if (!next) return;
        address(wanted);
        begin(now);
      },
    };
  },
};
