// What the HTTP API takes and gives, as the server's own types write it. Money is US dollars, times are RFC 3339.

export type AccountRole = 'user' | 'developer' | 'admin';

export interface Profile {
  id: string;
  email: string;
  name: string;
  role: AccountRole;
  permissions: string[];
}

export interface Tokens {
  /** For `Authorization: Bearer`. */
  token: string;
  /** To be used once. */
  refreshToken: string;
}

export interface Opened extends Tokens {
  user: Profile;
}

export interface Verified {
  valid: boolean;
  user: Profile;
}

export interface Done {
  success: boolean;
}

export interface ListedKey {
  id: string;
  name: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string;
  lastUsedAt?: string;
}

/** A new key, the only time that it is shown. */
export interface MadeKey extends ListedKey {
  key: string;
}

/** What an answer of an AI operation cost and who gave it. */
export interface Answered {
  cached: boolean;
  source: 'openai' | 'fallback';
  usage: {
    model: string | null;
    tier: 'simple' | 'complex';
    complexity: number;
    choice: string;
    promptTokens: number;
    completionTokens: number;
    totalTokens: number;
    savedUsd?: number;
    reason?: string;
  };
}

export interface FormField {
  fieldName: string;
  fieldType: 'text' | 'email' | 'password' | 'number' | 'date' | 'select' | 'checkbox' | 'radio' | 'textarea' | 'file';
  label: string;
  placeholder?: string;
  required: boolean;
  validation?: { minLength?: number; maxLength?: number; pattern?: string; customMessage?: string };
  options?: { value: string; label: string }[];
}

export interface GeneratedForm extends Answered {
  fields: FormField[];
}

export interface EnhancedQuery extends Answered {
  enhancedQuery: string;
  searchTerms: string[];
  intent: 'search' | 'navigation' | 'action' | 'question';
  confidence: number;
}

export interface Summarized extends Answered {
  summary: string;
}

export interface CompletedCode extends Answered {
  completion: string;
}

export interface UsageTotals {
  spent: number;
  unconfirmed: number;
  reserved: number;
  saved: number;
  budgets: { budget: string; cap: number; used: number; left: number; resetsAt: string }[];
  lines: {
    day: string;
    operation: string;
    model: string;
    calls: number;
    spent: number;
    unconfirmedCalls: number;
    unconfirmed: number;
    cacheHits: number;
    saved: number;
    promptTokens: number;
    cachedTokens: number;
    completionTokens: number;
  }[];
}

export interface Spending extends UsageTotals {
  user: string;
  /** For who may see it. */
  tenant?: UsageTotals;
}

export interface Health {
  status: string;
  timestamp: string;
  version: string;
  services: Record<string, boolean>;
  features: Record<string, 'model' | 'fallback' | 'off'>;
}

export interface ListedRoom {
  roomId: string;
  name: string;
  role: 'owner' | 'editor' | 'viewer';
  createdAt: string;
}

/** A page of rooms; `next` asks for the one after it. */
export interface ListedRooms {
  rooms: ListedRoom[];
  next?: string;
}

export interface RoomTicket {
  ticket: string;
  expiresAt: string;
  url: string;
}

export interface RoomSnapshot {
  roomId: string;
  role: 'owner' | 'editor' | 'viewer';
  rev: number;
  epoch: number;
  text: string;
  /** A Yjs update, base64. */
  update: string;
}

export interface RoomMember {
  userId: string;
  role: 'owner' | 'editor' | 'viewer' | null;
}
