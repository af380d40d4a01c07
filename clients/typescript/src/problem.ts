// What went wrong, as the API says it (application/problem+json, RFC 9457) and with what the status alone says where
// the answer was somebody else's.

/** A call that was refused or not answered. */
export class AuraError extends Error {
  /** HTTP's status; 0 where there was no answer. */
  readonly status: number;
  /** The API's stable code, such as `RATE_LIMITED`; `UNREACHABLE` without an answer, `HTTP_502` without a problem. */
  readonly code: string;
  /** Seconds to wait before the next try, where the API says so. */
  readonly retryAfter: number | undefined;
  /** What the API's logs know the request by. */
  readonly requestId: string | undefined;

  constructor(message: string, of: { status: number; code: string; retryAfter?: number | undefined; requestId?: string | undefined; cause?: unknown }) {
    super(message, of.cause === undefined ? undefined : { cause: of.cause });
    this.name = 'AuraError';
    this.status = of.status;
    this.code = of.code;
    this.retryAfter = of.retryAfter;
    this.requestId = of.requestId;
  }
}

/** The error that an answer other than 2xx stands for. */
export async function problemOf(response: Response): Promise<AuraError> {
  const { status, headers } = response;
  const body: unknown = await response.json().catch(() => undefined);
  const field = (name: string): string | undefined => {
    const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const wait = Number(headers.get('retry-after') ?? NaN);
  return new AuraError(field('error') ?? field('detail') ?? field('message') ?? `The answer was ${status}.`, {
    status,
    code: field('code') ?? `HTTP_${status}`,
    retryAfter: Number.isFinite(wait) ? wait : undefined,
    requestId: field('requestId') ?? headers.get('x-request-id') ?? undefined,
  });
}
