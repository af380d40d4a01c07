// Register, log in, log out.

import { alerts } from '../lib/alerts.js';
import { call } from '../lib/api.js';
import { busy, byId, el, isObject, partsOf, say } from '../lib/dom.js';
import { passphrase } from '../lib/secrets.js';
import { session } from '../lib/session.js';

export const accountPanel = {
  id: 'account',
  place: 'side',
  title: 'Account',

  mount(body, { onLimit }) {
    const part = partsOf(body);
    const email = byId('email');
    const name = byId('name');
    const password = byId('password');

    const reveal = (visible) => {
      password.type = visible ? 'text' : 'password';
      part.reveal.textContent = visible ? 'hide' : 'show';
      part.reveal.setAttribute('aria-pressed', String(visible));
    };
    part.reveal.addEventListener('click', () => reveal(password.type === 'password'));

    // A hint and not a rule: the minimum is the server's setting, so the server is the one that refuses.
    const hint = () => {
      const length = [...password.value].length;
      part.hint.textContent = !length ? '15 characters or more' : length < 15 ? `${length} of 15 characters` : `${length} characters, long enough`;
    };
    password.addEventListener('input', hint);
    part.invent.addEventListener('click', () => {
      password.value = passphrase();
      reveal(true);
      hint();
      say('A password was made up and is shown in the password field.');
    });

    /** Native validation, but only of what this button needs: a name is for registering. */
    const filled = (...needed) => {
      for (const input of [email, password, name]) {
        const empty = needed.includes(input) && !input.value.trim();
        input.setCustomValidity(empty ? `Please fill in the ${input.id}.` : '');
        if (needed.includes(input) && !input.reportValidity()) return false;
      }
      return true;
    };
    for (const input of [email, password, name]) input.addEventListener('input', () => input.setCustomValidity(''));

    const enter = async (button, label, path, details) => {
      alerts.clear();
      await busy(button, label, async () => {
        try {
          const opened = await call('POST', path, { body: details, auth: false, onLimit });
          session.set({ token: opened.token, refreshToken: opened.refreshToken, user: opened.user });
          password.value = '';
          reveal(false);
          hint();
          say(`Logged in as ${opened.user.name || opened.user.email}.`);
          byId('context')?.focus({ preventScroll: true });
        } catch (error) {
          alerts.show(error);
        }
      });
    };
    const register = () => {
      if (!filled(email, password, name)) return;
      enter(byId('register'), 'Registering…', '/api/auth/register', { email: email.value.trim(), password: password.value, name: name.value.trim() });
    };
    const login = () => {
      if (!filled(email, password)) return;
      enter(byId('login'), 'Logging in…', '/api/auth/login', { email: email.value.trim(), password: password.value });
    };
    // Enter logs in; Enter in the name, which only a new account needs, registers.
    part['signed-out'].addEventListener('submit', (event) => { event.preventDefault(); login(); });
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      register();
    });
    byId('register').addEventListener('click', register);

    byId('verify').addEventListener('click', () => busy(byId('verify'), 'Checking…', async () => {
      alerts.clear();
      part.verdict.hidden = true;
      try {
        const answer = await call('GET', '/api/auth/verify', { onLimit });
        part.verdict.textContent = answer.valid ? 'The token is valid.' : 'The token is not valid.';
        part.verdict.hidden = false;
        say(part.verdict.textContent);
      } catch (error) {
        alerts.show(error);
      }
    }));

    byId('logout').addEventListener('click', () => busy(byId('logout'), 'Logging out…', async () => {
      alerts.clear();
      let failure = null;
      try {
        await call('POST', '/api/auth/logout', { onLimit });
      } catch (error) {
        // A token that the server no longer takes is logged out already.
        if (error.status !== 401) failure = error;
      }
      session.set(null); // whatever happened there, this tab forgets
      session.forget();
      say('Logged out.');
      if (failure) alerts.show(failure);
      email.focus({ preventScroll: true });
    }));

    // A session kept from before a reload is only believed once the server has said so.
    if (session.current) {
      call('GET', '/api/auth/verify', { onLimit })
        .then((answer) => { if (session.current && isObject(answer?.user)) session.set({ ...session.current, user: answer.user }); })
        .catch((error) => alerts.show(error));
    }

    return {
      session(now) {
        part['signed-out'].hidden = Boolean(now);
        part['signed-in'].hidden = !now;
        part.verdict.hidden = true;
        byId('who').replaceChildren(...(now ? ['logged in as ', el('b', { dir: 'auto' }, now.user?.name || now.user?.email || '?')] : ['not logged in']));
        if (!now) return;
        const user = isObject(now.user) ? now.user : {};
        const permissions = Array.isArray(user.permissions) ? user.permissions : [];
        part.face.textContent = [...String(user.name || user.email || '?')][0].toUpperCase();
        part.name.textContent = user.name || 'No name';
        part.email.textContent = user.email ?? '';
        if (user.email) email.value = user.email; // for the next log-in
        part.role.textContent = user.role ?? 'unknown';
        part['user-id'].textContent = user.id ?? 'unknown';
        part['permission-count'].textContent = `${permissions.length} ${permissions.length === 1 ? 'permission' : 'permissions'}`;
        part.permissions.replaceChildren(...permissions.map((permission) => el('code', {}, String(permission))));
      },
    };
  },
};
