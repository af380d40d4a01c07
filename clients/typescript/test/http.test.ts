// The HTTP calls: what they send, what they make of answers, and that template.yaml has their routes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Api, routes } from '../src/http.js';
import { AuraError } from '../src/problem.js';

interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: unknown;
}

function answering(answers: (() => Response)[]): { sent: Sent[]; fetch: typeof fetch } {
  const sent: Sent[] = [];
  return {
    sent,
    fetch: (url, init = {}) => {
      const { method = 'GET', headers, body } = init;
      sent.push({ url: String(url), method, headers: new Headers(headers), body: typeof body === 'string' ? JSON.parse(body) : undefined });
      const answer = answers.shift();
      return answer === undefined ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(answer());
    },
  };
}

const json = (value: unknown, status = 200, headers: Record<string, string> = {}) => (): Response =>
  new Response(JSON.stringify(value), { status, headers });

test('template.yaml has every route that the client calls', () => {
  const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8');
  const unnamed = (path: string): string => path.replaceAll(/\{\w+\}/g, '{}');
  const known = new Set<string>();
  for (const [, method, path] of template.matchAll(/Method: (\w+), Path: "?((?:[^\s"{}]|\{\w+\})+)/g)) known.add(`${method} ${unnamed(path!)}`);
  assert.ok(known.size > 10, 'the template is read');
  for (const [name, route] of Object.entries(routes)) assert.ok(known.has(unnamed(route)), `${name}: ${route}`);
});

test('a call sends the token, the body and the key, to the route', async () => {
  const { sent, fetch } = answering([json({ fields: [] })]);
  const api = new Api('http://api/', 'secret', { fetch });
  await api.ai.generateForm('a form', ['email'], { idempotencyKey: 'once' });
  const [{ url, method, headers, body }] = sent as [Sent];
  assert.deepEqual([method, url, body], ['POST', 'http://api/api/ai/generate-form', { context: 'a form', existingFields: ['email'] }]);
  assert.equal(headers.get('authorization'), 'Bearer secret');
  assert.equal(headers.get('content-type'), 'application/json');
  assert.equal(headers.get('idempotency-key'), 'once');
});

test('names in paths are escaped, and queries hold what is given', async () => {
  const { sent, fetch } = answering([json({ success: true }), json({})]);
  const api = new Api('http://api', 'secret', { fetch });
  await api.auth.revokeApiKey('a/b?c');
  await api.usage({ months: 3 });
  assert.deepEqual(sent.map(({ url }) => url), ['http://api/api/auth/api-keys/a%2Fb%3Fc', 'http://api/api/usage?months=3']);
});

test('sign-in sends no token', async () => {
  const { sent, fetch } = answering([json({ token: 't', refreshToken: 'r', user: {} })]);
  await new Api('http://api', undefined, { fetch }).auth.login('a@example.com', 'p');
  assert.equal(sent[0]!.headers.has('authorization'), false);
});

test('without a token a call fails before it is sent', async () => {
  const { sent, fetch } = answering([]);
  await assert.rejects(new Api('http://api', undefined, { fetch }).auth.verify(), { name: 'AuraError', code: 'TOKEN_REQUIRED', status: 401 });
  assert.equal(sent.length, 0);
});

test('a problem becomes an error with its code', async () => {
  const problem = { type: 'about:blank', title: 'Too Many Requests', status: 429, detail: 'Wait.', error: 'Wait.', code: 'RATE_LIMITED', requestId: 'r-1' };
  const { fetch } = answering([json(problem, 429, { 'retry-after': '7' })]);
  const error = await new Api('http://api', 'x', { fetch }).auth.verify().catch((caught: unknown) => caught);
  assert.ok(error instanceof AuraError);
  const { message, status, code, retryAfter, requestId } = error;
  assert.deepEqual({ message, status, code, retryAfter, requestId }, { message: 'Wait.', status: 429, code: 'RATE_LIMITED', retryAfter: 7, requestId: 'r-1' });
});

test('answers that are not the API’s own are errors all the same', async () => {
  const answers = [() => new Response('<html>', { status: 502 }), json({ message: 'Service Unavailable' }, 503), () => new Response('no json')];
  const { fetch } = answering(answers);
  const api = new Api('http://api', 'x', { fetch });
  await assert.rejects(api.health(), { code: 'HTTP_502', status: 502 });
  await assert.rejects(api.health(), { code: 'HTTP_503', message: 'Service Unavailable' });
  await assert.rejects(api.health(), { code: 'UNREADABLE' });
  await assert.rejects(api.health(), { code: 'UNREACHABLE', status: 0 });
});

test('an expired token is replaced once by who gives them', async () => {
  const expired = json({ error: 'old', code: 'TOKEN_EXPIRED' }, 401);
  const { sent, fetch } = answering([expired, json({ valid: true }), expired, expired]);
  const tokens = ['one', 'two', 'three', 'four'];
  const api = new Api('http://api', () => tokens.shift()!, { fetch });
  assert.deepEqual(await api.auth.verify(), { valid: true });
  await assert.rejects(api.auth.verify(), { code: 'TOKEN_EXPIRED' });
  assert.deepEqual(sent.map(({ headers }) => headers.get('authorization')), ['Bearer one', 'Bearer two', 'Bearer three', 'Bearer four']);
});
