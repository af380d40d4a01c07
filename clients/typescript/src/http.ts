// The HTTP API: one method per call, typed, with the API's own errors.

import type { Role } from './frames.js';
import { AuraError, problemOf } from './problem.js';
import type * as T from './types.js';

/** A token or key, or what gives the present one; asked again when it was refused. */
export type Credential = string | (() => string | Promise<string>);

/** Every call by its route in template.yaml, which a test compares. */
export const routes = {
  register: 'POST /api/auth/register',
  login: 'POST /api/auth/login',
  refresh: 'POST /api/auth/refresh',
  logout: 'POST /api/auth/logout',
  verify: 'GET /api/auth/verify',
  createApiKey: 'POST /api/auth/api-keys',
  listApiKeys: 'GET /api/auth/api-keys',
  revokeApiKey: 'DELETE /api/auth/api-keys/{id}',
  setUserRole: 'PUT /api/admin/users/{id}/role',
  generateForm: 'POST /api/ai/generate-form',
  enhanceQuery: 'POST /api/ai/enhance-query',
  summarize: 'POST /api/ai/summarize',
  completeCode: 'POST /api/ai/complete-code',
  search: 'POST /api/ai/search',
  indexDocuments: 'POST /api/ai/index-documents',
  indexJob: 'GET /api/ai/index-jobs/{id}',
  deleteDocuments: 'DELETE /api/ai/documents',
  analyzeImage: 'POST /api/ai/analyze-image',
  describeImage: 'POST /api/ai/describe-image',
  removeBackground: 'POST /api/ai/remove-background',
  createUpload: 'POST /api/uploads',
  usage: 'GET /api/usage',
  health: 'GET /health',
  createRoom: 'POST /api/rooms',
  listRooms: 'GET /api/rooms',
  deleteRoom: 'DELETE /api/rooms/{id}',
  createRoomTicket: 'POST /api/rooms/{id}/ticket',
  getRoomSnapshot: 'GET /api/rooms/{id}/snapshot',
  setRoomMember: 'PUT /api/rooms/{id}/members/{user}',
} as const;

export type Route = keyof typeof routes;

export interface HttpOptions {
  /** Another `fetch`. */
  fetch?: typeof fetch;
  /** How long a call may take, in ms; a minute unless said otherwise. */
  timeout?: number;
}

interface Ask {
  /** What stands for `{name}` in the path. */
  path?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /** Makes a call that is sent again have one effect. */
  idempotencyKey?: string;
  open?: boolean;
}

const TIMEOUT_MS = 60_000;

/** Sends calls; `Api` names them. */
export class Http {
  readonly #url: string;
  readonly #credential: Credential | undefined;
  readonly #fetch: typeof fetch;
  readonly #timeout: number;

  constructor(url: string, credential?: Credential, options: HttpOptions = {}) {
    this.#url = url.replace(/\/+$/, '');
    this.#credential = credential;
    this.#fetch = options.fetch ?? ((...of) => fetch(...of));
    this.#timeout = options.timeout ?? TIMEOUT_MS;
  }

  /** The token or key to send. Throws a TOKEN_REQUIRED without one. */
  async token(): Promise<string> {
    const token = typeof this.#credential === 'function' ? await this.#credential() : this.#credential;
    if (!token) throw new AuraError('There is no token to call with.', { status: 401, code: 'TOKEN_REQUIRED' });
    return token;
  }

  /** Calls a route. Throws `AuraError`. */
  async call<Answer>(route: Route, ask: Ask = {}): Promise<Answer> {
    const [method, path] = routes[route].split(' ') as [string, string];
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(ask.query ?? {})) if (value !== undefined) query.set(name, String(value));
    const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ask.path?.[name] ?? ''));
    const response = await this.#authorized(this.#url + place + (query.size > 0 ? `?${query}` : ''), method, ask);
    try {
      return (await response.json()) as Answer;
    } catch (cause) {
      throw new AuraError('The answer is no JSON.', { status: response.status, code: 'UNREADABLE', cause });
    }
  }

  async #authorized(url: string, method: string, ask: Ask): Promise<Response> {
    const token = ask.open === true ? undefined : await this.token();
    const response = await this.#send(url, method, ask, token);
    if (response.ok) return response;
    const problem = await problemOf(response);
    // A token lives for minutes: whoever gives them may have a newer one.
    if (problem.code === 'TOKEN_EXPIRED' && typeof this.#credential === 'function') {
      const newer = await this.token();
      if (newer !== token) {
        const again = await this.#send(url, method, ask, newer);
        if (again.ok) return again;
        throw await problemOf(again);
      }
    }
    throw problem;
  }

  async #send(url: string, method: string, ask: Ask, token: string | undefined): Promise<Response> {
    const headers = new Headers();
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    if (ask.body !== undefined) headers.set('content-type', 'application/json');
    if (ask.idempotencyKey !== undefined) headers.set('idempotency-key', ask.idempotencyKey);
    const body = ask.body === undefined ? {} : { body: JSON.stringify(ask.body) };
    try {
      return await this.#fetch(url, { method, headers, ...body, signal: AbortSignal.timeout(this.#timeout) });
    } catch (cause) {
      throw new AuraError('The API cannot be reached.', { status: 0, code: 'UNREACHABLE', cause });
    }
  }
}

/** What a call that spends or makes something may be given. */
export interface Once {
  /** The same key and body have one effect and one answer for 24 hours. */
  idempotencyKey?: string;
}

/** The API's calls, by what they are about. */
export class Api {
  readonly http: Http;

  /** `credential`: an access token or an API key, or what gives the present one. */
  constructor(url: string, credential?: Credential, options: HttpOptions = {}) {
    this.http = new Http(url, credential, options);
  }

  readonly auth = {
    register: (email: string, password: string, name: string) =>
      this.http.call<T.Opened>('register', { body: { email, password, name }, open: true }),
    login: (email: string, password: string) => this.http.call<T.Opened>('login', { body: { email, password }, open: true }),
    refresh: (refreshToken: string) => this.http.call<T.Tokens>('refresh', { body: { refreshToken }, open: true }),
    logout: () => this.http.call<T.Done>('logout'),
    verify: () => this.http.call<T.Verified>('verify'),
    createApiKey: (name: string, scopes: string[], expiresInDays?: number, once: Once = {}) =>
      this.http.call<T.MadeKey>('createApiKey', { body: { name, scopes, expiresInDays }, ...once }),
    listApiKeys: () => this.http.call<{ keys: T.ListedKey[] }>('listApiKeys'),
    revokeApiKey: (id: string) => this.http.call<T.Done>('revokeApiKey', { path: { id } }),
    setUserRole: (id: string, role: T.AccountRole) => this.http.call<{ user: T.Profile }>('setUserRole', { path: { id }, body: { role } }),
  };

  readonly ai = {
    generateForm: (context: string, existingFields: string[] = [], once: Once = {}) =>
      this.http.call<T.GeneratedForm>('generateForm', { body: { context, existingFields }, ...once }),
    enhanceQuery: (query: string, once: Once = {}) => this.http.call<T.EnhancedQuery>('enhanceQuery', { body: { query }, ...once }),
    summarize: (content: string, maxLength?: number, once: Once = {}) =>
      this.http.call<T.Summarized>('summarize', { body: { content, maxLength }, ...once }),
    completeCode: (code: string, language: string, context?: string, once: Once = {}) =>
      this.http.call<T.CompletedCode>('completeCode', { body: { code, language, context }, ...once }),
  };

  readonly documents = {
    search: (query: string, options: T.SearchOptions = {}) => this.http.call<T.SearchResults>('search', { body: { query, options } }),
    /** Many documents are indexed in the background: then the answer has a `jobId`. */
    index: (documents: T.SentDocument[], to: { namespace?: string; background?: boolean } = {}, once: Once = {}) =>
      this.http.call<T.Indexed | T.IndexJob>('indexDocuments', { body: { documents, ...to }, ...once }),
    job: (id: string) => this.http.call<T.IndexJob>('indexJob', { path: { id } }),
    /** By ids, by filter, or the whole namespace. */
    delete: (which: T.Which) => this.http.call<T.DeletedDocuments>('deleteDocuments', { body: which }),
  };

  readonly images = {
    analyze: (image: T.ImageSource, analysisTypes?: T.AnalysisType[], once: Once = {}) =>
      this.http.call<T.AnalyzedImage>('analyzeImage', { body: { ...image, analysisTypes }, ...once }),
    describe: (image: T.ImageSource, once: Once = {}) => this.http.call<T.DescribedImage>('describeImage', { body: { ...image }, ...once }),
    removeBackground: (image: T.ImageSource, options: T.BackgroundOptions = {}, once: Once = {}) =>
      this.http.call<T.CutOut>('removeBackground', { body: { ...image, ...options }, ...once }),
    /** A form to post an image with that is too large for a request. */
    createUpload: (contentType: string, size: number, once: Once = {}) =>
      this.http.call<T.UploadForm>('createUpload', { body: { contentType, size }, ...once }),
  };

  readonly rooms = {
    create: (room: { name?: string; text?: string } = {}, once: Once = {}) => this.http.call<T.ListedRoom>('createRoom', { body: room, ...once }),
    list: (after?: string) => this.http.call<T.ListedRooms>('listRooms', { query: { after } }),
    delete: (id: string) => this.http.call<T.Done>('deleteRoom', { path: { id } }),
    /** What opens one socket to the room, once, within a minute. */
    ticket: (id: string) => this.http.call<T.RoomTicket>('createRoomTicket', { path: { id } }),
    snapshot: (id: string) => this.http.call<T.RoomSnapshot>('getRoomSnapshot', { path: { id } }),
    /** `null` removes the member. */
    setMember: (id: string, user: string, role: Role | null) => this.http.call<T.RoomMember>('setRoomMember', { path: { id, user }, body: { role } }),
  };

  usage(of: { months?: number; user?: string } = {}): Promise<T.Spending> {
    return this.http.call<T.Spending>('usage', { query: of });
  }

  health(): Promise<T.Health> {
    return this.http.call<T.Health>('health', { open: true });
  }
}
