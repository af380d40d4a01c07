// Who is logged in, in this tab.

import { isObject } from './dom.js';

export const session = {
  key: 'aura.session',
  current: null, // {token, refreshToken, user}
  listeners: [], // told of every change
  leavers: [], // told after a logout, to clear what the last reader left

  load() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(this.key));
      if (isObject(stored) && typeof stored.token === 'string') this.current = stored;
    } catch { /* unreadable or blocked storage is the same as none */ }
  },

  /** `next` is null to end the session. */
  set(next) {
    this.current = next;
    try {
      if (next) sessionStorage.setItem(this.key, JSON.stringify(next));
      else sessionStorage.removeItem(this.key);
    } catch { /* blocked storage: the session lasts until the page is left */ }
    for (const listener of this.listeners) listener(next);
  },

  forget() {
    for (const leaver of this.leavers) leaver();
  },
};

export const permissionsOf = (now) => (Array.isArray(now?.user?.permissions) ? now.user.permissions.map(String) : []);
