// Calls of the API: tokens, their renewal, limits, and failures that can be shown.

import { isObject } from './dom.js';
import { session } from './session.js';

/** A failure that can be shown: what the server's problem+json said, or why there was no answer. */
export class Problem extends Error {
  constructor({ status = 0, sentence, code, requestId, retryAfter }) {
    super(sentence);
    Object.assign(this, { status, sentence, code, requestId, retryAfter });
  }

  static from(answer) {
    const body = isObject(answer.data) ? answer.data : {};
    const text = (value) => (typeof value === 'string' && value ? value : undefined);
    return new Problem({
      status: answer.status,
      sentence: text(body.error) ?? text(body.detail) ?? text(body.title) ?? text(body.message) ?? `The server answered ${answer.status}.`,
      code: text(body.code) ?? `HTTP_${answer.status}`,
      requestId: text(body.requestId),
      retryAfter: retryAfter(answer.headers.get('retry-after')),
    });
  }
}

/** Retry-After is seconds or a date; anything else counts as absent. */
function retryAfter(header) {
  if (!header) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/** `"ai";r=12;t=300` and `"ai";q=50;w=900` -> {name, remaining, quota, reset}. Of a list, the first item. */
function rateLimit(headers) {
  const item = (header) => {
    const first = (headers.get(header) ?? '').split(',')[0];
    const numbers = [...first.matchAll(/;\s*([a-z]+)\s*=\s*(\d+)/g)].map(([, key, value]) => [key, Number(value)]);
    return { name: /^\s*"([^"]*)"/.exec(first)?.[1], ...Object.fromEntries(numbers) };
  };
  const now = item('ratelimit');
  const policy = item('ratelimit-policy');
  if (now.r === undefined) return null;
  return { name: now.name ?? policy.name ?? 'requests', remaining: now.r, quota: policy.q, reset: now.t };
}

/** One request, any status. Only a missing answer throws. */
export async function send(method, path, { body, token, idempotencyKey } = {}) {
  const headers = { accept: 'application/json' };
  if (idempotencyKey) headers['idempotency-key'] = idempotencyKey;
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      // A little longer than the 30 s that API Gateway itself waits.
      signal: AbortSignal.timeout(35_000),
    });
    text = await response.text();
  } catch (cause) {
    throw new Problem(cause?.name === 'TimeoutError'
      ? { sentence: 'No answer within 35 seconds.', code: 'TIMEOUT' }
      : { sentence: `${location.origin} does not answer. Is the local stack still running?`, code: 'NO_CONNECTION' });
  }
  let data = null;
  try { data = JSON.parse(text); } catch { /* not JSON: Problem.from falls back to the status */ }
  return { ok: response.ok, status: response.status, headers: response.headers, data };
}

let refreshing = null;

/**
 * Replaces the access token. Single-flight: a refresh token is good for one use, so two panels that find the access
 * token expired at the same moment must share one exchange.
 */
function refresh(expired) {
  if (session.current?.token !== expired) return Promise.resolve(); // already replaced, or logged out
  refreshing ??= exchange(session.current).finally(() => { refreshing = null; });
  return refreshing;
}

async function exchange(used) {
  const answer = await send('POST', '/api/auth/refresh', { body: { refreshToken: used.refreshToken } });
  const stillOurs = () => session.current?.token === used.token; // the reader may have logged out meanwhile
  if (!answer.ok) {
    // Only a refusal ends the session; a busy or limited server may say yes later.
    if ([400, 401, 403].includes(answer.status) && stillOurs()) session.set(null);
    throw Problem.from(answer);
  }
  if (stillOurs()) session.set({ ...session.current, token: answer.data.token, refreshToken: answer.data.refreshToken });
}

/** The access token, renewed if it ends within half a minute: for what sends it by itself. */
export async function freshToken() {
  const token = session.current?.token;
  if (!token) throw new Problem({ status: 401, sentence: 'Nobody is logged in.', code: 'TOKEN_REQUIRED' });
  if (endsAt(token) - Date.now() / 1000 < 30) await refresh(token);
  return session.current?.token;
}

/** When a token ends by its own account, in seconds since 1970; one that does not say so never does. */
function endsAt(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).exp ?? Infinity;
  } catch {
    return Infinity;
  }
}

/** One call of the API: adds the token, renews it at most once, and throws a Problem for every answer but 2xx. */
export async function call(method, path, { body, auth = true, onLimit, idempotencyKey } = {}) {
  const attempt = (token) => send(method, path, { body, token, idempotencyKey });
  const user = session.current?.user?.id;
  let token = auth ? session.current?.token : undefined;
  let answer = await attempt(token);
  if (token && answer.status === 401 && answer.data?.code === 'TOKEN_EXPIRED') {
    await refresh(token);
    // The reader may have logged out, or in as somebody else: their token is not for this call.
    if (session.current && session.current.user?.id === user) {
      token = session.current.token;
      answer = await attempt(token);
    }
  }
  // Still refused (revoked, or the stack was restarted without its data): do not go on looking logged in.
  if (token && answer.status === 401 && session.current?.token === token) session.set(null);
  const limit = rateLimit(answer.headers);
  if (limit && onLimit) onLimit(limit);
  if (!answer.ok) throw Problem.from(answer);
  return answer.data;
}
