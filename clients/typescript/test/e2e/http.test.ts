// Every call against the real functions: the answers have the shapes that the types say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api, AuraError } from '../../src/index.js';
import { account, url } from './stack.js';

type Shape = { [name: string]: 'string' | 'number' | 'boolean' | 'string[]' | 'object' | 'object[]' | `${'string' | 'number'}?` | 'string|null' };

/** An object has these fields, of these types, and no others. */
function shaped(value: unknown, shape: Shape): void {
  assert.ok(typeof value === 'object' && value !== null, JSON.stringify(value));
  const fields = value as Record<string, unknown>;
  for (const [name, type] of Object.entries(shape)) {
    const field = fields[name];
    const text = `${name}: ${JSON.stringify(field)}`;
    if (type.endsWith('?') && field === undefined) continue;
    if (type === 'string|null') assert.ok(field === null || typeof field === 'string', text);
    else if (type.endsWith('[]')) assert.ok(Array.isArray(field) && field.every((each) => typeof each === type.slice(0, -2)), text);
    else assert.equal(typeof field, type.replace('?', ''), text);
  }
  for (const name of Object.keys(fields)) assert.ok(name in shape, `${name} is not in the types`);
}

const profile: Shape = { id: 'string', email: 'string', name: 'string', role: 'string', permissions: 'string[]' };
const answered: Shape = { cached: 'boolean', source: 'string', usage: 'object' };
const usage: Shape = {
  model: 'string|null', tier: 'string', complexity: 'number', choice: 'string', promptTokens: 'number', completionTokens: 'number',
  totalTokens: 'number', savedUsd: 'number?', reason: 'string?',
};

test('accounts and keys', async () => {
  const ann = await account('Ann');
  const { password, api: _, ...opened } = ann;
  shaped(opened, { token: 'string', refreshToken: 'string', user: 'object' });
  shaped(ann.user, profile);
  const again = await new Api(url).auth.login(ann.user.email, password);
  shaped(again, { token: 'string', refreshToken: 'string', user: 'object' });
  const refreshed = await new Api(url).auth.refresh(again.refreshToken);
  shaped(refreshed, { token: 'string', refreshToken: 'string' });
  const verified = await ann.api.auth.verify();
  shaped(verified, { valid: 'boolean', user: 'object' });
  assert.deepEqual(verified.user, ann.user);

  const key = await ann.api.auth.createApiKey('job', ['ai:use_openai'], 7, { idempotencyKey: 'once' });
  shaped(key, { id: 'string', name: 'string', scopes: 'string[]', createdAt: 'string', expiresAt: 'string', key: 'string' });
  assert.deepEqual(await ann.api.auth.createApiKey('job', ['ai:use_openai'], 7, { idempotencyKey: 'once' }), key);
  const { keys } = await ann.api.auth.listApiKeys();
  assert.equal(keys.length, 1);
  shaped(keys[0], { id: 'string', name: 'string', scopes: 'string[]', createdAt: 'string', expiresAt: 'string', lastUsedAt: 'string?' });
  assert.equal((await new Api(url, key.key).ai.enhanceQuery('where is it')).cached, false);
  assert.deepEqual(await ann.api.auth.revokeApiKey(key.id), { success: true });
  await assert.rejects(ann.api.auth.setUserRole(ann.user.id, 'admin'), { name: 'AuraError', status: 403, code: 'INSUFFICIENT_PERMISSIONS' });
  assert.deepEqual(await ann.api.auth.logout(), { success: true });
  await assert.rejects(new Api(url).auth.refresh(ann.refreshToken), { status: 401, code: 'SESSION_ENDED' });
});

test('AI and spending', async () => {
  const { api, user } = await account('Bob');
  const form = await api.ai.generateForm('Event registration with a t-shirt size', ['email']);
  shaped(form, { ...answered, fields: 'object[]' });
  shaped(form.usage, usage);
  const query = await api.ai.enhanceQuery('how do i reset my pasword');
  shaped(query, { ...answered, enhancedQuery: 'string', searchTerms: 'string[]', intent: 'string', confidence: 'number' });
  const summary = await api.ai.summarize('The harbour was rebuilt in 1719. Ships unload there today. It grew for long.', 50);
  shaped(summary, { ...answered, summary: 'string' });
  assert.ok(summary.summary.length <= 50);
  try {
    shaped(await api.ai.completeCode('fn double(n: u32) -> u32 {', 'Rust'), { ...answered, completion: 'string' });
  } catch (error) {
    assert.ok(error instanceof AuraError && error.code === 'PROVIDER_UNCONFIGURED', String(error));
  }
  const spent = await api.usage({ months: 2 });
  shaped(spent, { user: 'string', spent: 'number', unconfirmed: 'number', reserved: 'number', saved: 'number', budgets: 'object[]', lines: 'object[]' });
  assert.equal(spent.user, user.id);
  shaped(spent.budgets[0], { budget: 'string', cap: 'number', used: 'number', left: 'number', resetsAt: 'string' });
  shaped(await api.health(), { status: 'string', timestamp: 'string', version: 'string', services: 'object', features: 'object' });
});

test('documents', async () => {
  const { api } = await account('Eve');
  const { documents } = api;
  const texts = [{ id: 'a', content: 'Ferries leave for the islands at noon.', title: 'Ferries', metadata: { year: 2024 }, tags: ['sea'] }, { id: 'b', content: 'Bread is baked before dawn.' }];
  const indexed = await documents.index(texts, { namespace: 'notes' });
  shaped(indexed, { success: 'boolean', indexed: 'number', skipped: 'number', failed: 'object[]' });
  const found = await documents.search('when does the ferry leave', { namespace: 'notes', topK: 1, explain: true, filter: { year: { $gte: 2020 } } });
  shaped(found, { results: 'object[]', enhancedQuery: 'string', intent: 'string', totalResults: 'number', source: 'string', cached: 'boolean' });
  shaped(found.results[0], { id: 'string', content: 'string', title: 'string?', metadata: 'object', score: 'number', parts: 'object', highlights: 'object[]' } as Shape);
  shaped(found.results[0]!.parts, { semantic: 'number', keyword: 'number', semanticWeight: 'number', keywordWeight: 'number' });
  assert.equal(found.results[0]!.id, 'a');
  const job = await documents.index([{ id: 'c', content: 'A third text.' }], { namespace: 'notes', background: true });
  assert.ok('jobId' in job);
  const progress = await documents.job(job.jobId);
  shaped(progress, {
    jobId: 'string', status: 'string', total: 'number', done: 'number', progress: 'number', indexed: 'number', skipped: 'number',
    failedCount: 'number', failed: 'object[]',
  });
  shaped(await documents.delete({ ids: ['b'], namespace: 'notes' }), { success: 'boolean', deleted: 'number' });
});

test('images', async () => {
  const { api } = await account('Fay');
  const upload = await api.images.createUpload('image/png', 4_000_000);
  shaped(upload, { url: 'string', fields: 'object', imageKey: 'string', expiresAt: 'string' });
  const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const seen = await api.images.analyze({ image: dot }, ['colors']);
  shaped(seen, { analysis: 'object', image: 'object', cached: 'boolean', source: 'string', savedUsd: 'number?' });
  assert.ok(Array.isArray(seen.analysis.colors));
  for (const call of [() => api.images.removeBackground({ image: dot }), () => api.images.describe({ image: dot })]) {
    await call().catch((error: unknown) => assert.ok(error instanceof AuraError && error.code === 'PROVIDER_UNCONFIGURED', String(error)));
  }
});

test('rooms', async () => {
  const [ann, bob] = [await account('Ann'), await account('Bob')];
  const made = await ann.api.rooms.create({ name: 'plans', text: 'first' }, { idempotencyKey: 'room' });
  shaped(made, { roomId: 'string', name: 'string', role: 'string', createdAt: 'string' });
  assert.deepEqual(await ann.api.rooms.create({ name: 'plans', text: 'first' }, { idempotencyKey: 'room' }), made);
  const { rooms } = await ann.api.rooms.list();
  assert.deepEqual(rooms, [made]);
  shaped(await ann.api.rooms.ticket(made.roomId), { ticket: 'string', expiresAt: 'string', url: 'string' });
  const snapshot = await ann.api.rooms.snapshot(made.roomId);
  shaped(snapshot, { roomId: 'string', rev: 'number', epoch: 'number', role: 'string', text: 'string', update: 'string' });
  assert.equal(snapshot.text, 'first');
  await assert.rejects(bob.api.rooms.snapshot(made.roomId), { status: 404, code: 'NOT_FOUND' });
  assert.deepEqual(await ann.api.rooms.setMember(made.roomId, bob.user.id, 'viewer'), { userId: bob.user.id, role: 'viewer' });
  assert.equal((await bob.api.rooms.snapshot(made.roomId)).role, 'viewer');
  assert.deepEqual(await ann.api.rooms.setMember(made.roomId, bob.user.id, null), { userId: bob.user.id, role: null });
  await assert.rejects(bob.api.rooms.ticket(made.roomId), { status: 404 });
  assert.deepEqual(await ann.api.rooms.delete(made.roomId), { success: true });
  await assert.rejects(ann.api.rooms.snapshot(made.roomId), { status: 404 });
});
