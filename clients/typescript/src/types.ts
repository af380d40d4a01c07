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

export interface SearchOptions {
  /** 1 to 100. */
  topK?: number;
  /** In Pinecone's operators. */
  filter?: Record<string, unknown>;
  namespace?: string;
  semanticWeight?: number;
  keywordWeight?: number;
  enhance?: boolean;
  explain?: boolean;
}

export interface Found {
  id: string;
  content: string;
  title?: string;
  metadata: Record<string, unknown>;
  score: number;
  parts?: { semantic: number; keyword: number; semanticWeight: number; keywordWeight: number };
  /** Spans count Unicode code points. */
  highlights: { text: string; spans: { start: number; end: number }[] }[];
}

export interface SearchResults {
  results: Found[];
  enhancedQuery: string;
  intent: EnhancedQuery['intent'];
  totalResults: number;
  source: string;
  cached: boolean;
}

export interface SentDocument {
  id: string;
  content: string;
  title?: string;
  metadata?: Record<string, string | number | boolean | string[]>;
  tags?: string[];
}

export interface NotIndexed {
  id: string;
  code: string;
  message: string;
}

export interface Indexed {
  success: boolean;
  indexed: number;
  skipped: number;
  failed: NotIndexed[];
}

export interface IndexJob {
  jobId: string;
  status: 'queued' | 'running' | 'stalled' | 'done';
  total: number;
  done: number;
  /** 0 to 1. */
  progress: number;
  indexed: number;
  skipped: number;
  failedCount: number;
  /** The first hundred. */
  failed: NotIndexed[];
}

/** Which documents; one of the three. */
export interface Which {
  ids?: string[];
  filter?: Record<string, unknown>;
  all?: boolean;
  namespace?: string;
}

export interface DeletedDocuments {
  success: boolean;
  deleted: number;
}

/** Base64 or a data URI, or the key of an upload. */
export type ImageSource = { image: string } | { imageKey: string };

export type AnalysisType = 'faces' | 'objects' | 'text' | 'labels' | 'safeSearch' | 'colors' | 'cropHints' | 'all';

/** In pixels of the image as it is shown. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export type Likelihood = 'UNKNOWN' | 'VERY_UNLIKELY' | 'UNLIKELY' | 'POSSIBLE' | 'LIKELY' | 'VERY_LIKELY';

/** What was asked for, and nothing else. */
export interface ImageAnalysis {
  faces?: {
    boundingBox: Box;
    confidence: number;
    emotions: Record<'joy' | 'sorrow' | 'anger' | 'surprise', number>;
    landmarks: { type: string; position: { x: number; y: number; z: number } }[];
  }[];
  objects?: { name: string; confidence: number; boundingBox: Box }[];
  text?: { text: string; confidence: number; language?: string; blocks: { text: string; confidence: number; boundingBox: Box }[] };
  labels?: { description: string; score: number }[];
  safeSearch?: Record<'adult' | 'spoof' | 'medical' | 'violence' | 'racy', Likelihood>;
  colors?: { color: { red: number; green: number; blue: number }; score: number; pixelFraction: number }[];
  cropHints?: { boundingBox: Box; confidence: number; importanceFraction: number }[];
}

export interface AnalyzedImage {
  analysis: ImageAnalysis;
  image: { width: number; height: number };
  cached: boolean;
  /** `local`: colours alone, counted by the function. */
  source: 'google' | 'local';
  savedUsd?: number;
}

export interface DescribedImage {
  description: string;
  labels: string[];
  /** A model that sees, or a sentence made of labels. */
  source: 'openai' | 'labels';
  cached: boolean;
  usage?: Answered['usage'];
}

export interface BackgroundOptions {
  size?: 'auto' | 'preview' | 'full';
  format?: 'auto' | 'png' | 'jpg';
  backgroundColor?: string;
}

export interface CutOut {
  /** A data URI, or an address that is good for a while. */
  image: string;
  width: number;
  height: number;
  creditsCharged: number;
  cached: boolean;
  savedUsd?: number;
}

export interface UploadForm {
  url: string;
  /** To be posted before the file, as `multipart/form-data`. */
  fields: Record<string, string>;
  imageKey: string;
  expiresAt: string;
}
