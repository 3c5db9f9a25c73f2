import { hashApiKey } from '../../../src/auth/api-key.ts';
import { ApiKeyRing } from '../../../src/auth/api-key-ring.ts';
import type { ApiKeyRecord, AuthSettings, OpenWebUiSettings } from '../../../src/auth/auth-settings.ts';
import { Authenticator, type UserSources } from '../../../src/auth/authenticator.ts';
import { OpenWebUiIdentity } from '../../../src/auth/open-webui-identity.ts';
import type { AuthRequest } from '../../../src/auth/principal.ts';

export const OPEN_WEBUI: OpenWebUiSettings = {
  userJwtSecret: undefined,
  secretKey: undefined,
  url: undefined,
  apiKey: undefined,
  cookie: false,
  trustUserHeaders: false,
  headers: {
    userJwt: 'x-openwebui-user-jwt',
    userId: 'x-openwebui-user-id',
    userEmail: 'x-openwebui-user-email',
    userName: 'x-openwebui-user-name',
    userRole: 'x-openwebui-user-role',
    userGroups: 'x-openwebui-user-groups',
    userGroupIds: 'x-openwebui-user-group-ids',
    chatId: 'x-openwebui-chat-id',
    messageId: 'x-openwebui-message-id',
  },
  asksForGroups: false,
};

export function keyRecord(id: string, key: string, rest: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id,
    hash: hashApiKey(key),
    scopes: ['call'],
    user: undefined,
    assertsUser: false,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdAt: 0,
    ...rest,
  };
}

export interface Setup {
  readonly openWebUi?: Partial<OpenWebUiSettings>;
  readonly keys?: readonly ApiKeyRecord[];
  readonly scopesByRole?: AuthSettings['scopesByRole'];
  readonly scopesByGroup?: AuthSettings['scopesByGroup'];
  readonly tokens?: UserSources['tokens'];
  readonly ring?: ApiKeyRing;
}

export function setUp({
  openWebUi,
  keys = [],
  scopesByRole = new Map(),
  scopesByGroup = new Map(),
  tokens,
  ring,
}: Setup): Authenticator {
  const settings = { ...OPEN_WEBUI, ...openWebUi };
  const theRing = ring ?? new ApiKeyRing();
  theRing.replace('file', keys);
  return new Authenticator(theRing, {
    takesTokens: tokens !== undefined || settings.secretKey !== undefined || settings.url !== undefined,
    tokens,
    identity: new OpenWebUiIdentity({ openWebUi: settings, scopesByRole, scopesByGroup }),
  });
}

/** Headers as node has them: names and values in turn, and by name. */
export function request(...rawHeaders: string[]): AuthRequest {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers[(rawHeaders[index] ?? '').toLowerCase()] ??= rawHeaders[index + 1] ?? '';
  }
  return { rawHeaders, headers };
}

export function bearer(credential: string, ...rawHeaders: string[]): AuthRequest {
  return request('Host', 'x', 'Authorization', `Bearer ${credential}`, ...rawHeaders);
}

/** What became of it: `401`, `403`, `503`, or the principal in a word. */
export async function outcome(run: () => unknown): Promise<string> {
  try {
    const principal = (await run()) as { kind: string; issuer?: string; subject?: string; keyId?: string };
    return principal.kind === 'user' ? `user ${principal.issuer} ${principal.subject}` : principal.kind;
  } catch (error) {
    const statuses: Record<string, string> = { unauthenticated: '401', forbidden: '403', server_unavailable: '503' };
    return statuses[(error as { code?: string }).code ?? ''] ?? String(error);
  }
}
