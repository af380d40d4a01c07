// Roles of users, for administrators.

import { alerts } from '../lib/alerts.js';
import { call } from '../lib/api.js';
import { busy, byId, partsOf } from '../lib/dom.js';
import { permissionsOf, session } from '../lib/session.js';

export const rolesPanel = {
  id: 'roles',
  place: 'side',
  title: 'Roles',

  mount(body, { onLimit }) {
    const part = partsOf(body);
    const id = byId('role-user');
    const role = byId('role');
    const before = part.verdict.textContent;
    let admin = null;
    id.addEventListener('input', () => id.setCustomValidity(''));
    part.ask.addEventListener('submit', (event) => {
      event.preventDefault();
      id.setCustomValidity(id.value.trim() ? '' : 'Please fill in the user id.');
      if (!part.ask.reportValidity()) return;
      busy(byId('set-role'), 'Setting…', async () => {
        alerts.clear();
        part.verdict.textContent = before;
        const as = admin;
        try {
          const { user } = await call('PUT', `/api/admin/users/${encodeURIComponent(id.value.trim())}/role`, { body: { role: role.value }, onLimit });
          if (session.current?.user?.id !== as) return;
          part.verdict.textContent = `${user.email || user.name || user.id} is ${user.role} now, on every route within 30 seconds.`;
        } catch (error) {
          if (session.current?.user?.id === as) alerts.show(error);
        }
      });
    });

    return {
      session(now) {
        body.closest('.panel').hidden = !permissionsOf(now).includes('admin:manage_users');
        if ((now?.user?.id ?? null) === admin) return;
        admin = now?.user?.id ?? null;
        part.ask.reset();
        id.setCustomValidity('');
        part.verdict.textContent = before;
      },
    };
  },
};
