import express, { type Router } from 'express';
import { generateApiKey, hashApiKey, SINGLE_KEY_ID } from '../../auth/api-key.ts';
import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../../auth/auth-settings.ts';
import { toUserPrincipalId } from '../../auth/principal.ts';
import { DEFAULT_KEY_SCOPES, PLAIN_SCOPES, parseScope, SCOPE_FORMS } from '../../auth/scope.ts';
import type { Scopes } from '../../auth/scopes.ts';
import { parseUserId, type UserId } from '../../auth/user.ts';
import { ForbiddenError, FormValueError, NotFoundError, ServiceError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { Done } from '../pages/notice.ts';
import type { PageAccess, PageSession } from '../vault/page-access.ts';
import type { AdminForm, AdminGuard, ShownBeside } from './admin-guard.ts';

const MAX_SHOWN = 200;
const MAX_SCOPES = 50;
const MAX_CHARACTERS = 300;

/** The API keys in the database. Methods reject with `VaultUnavailableError` while it cannot be used. */
export interface KeyStore {
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Stores a new key, which is valid at once; `false` if the id is taken. */
  create(key: ApiKeyRecord): Promise<boolean>;
  /** Deletes a key, which is no longer valid here at once, elsewhere within two seconds; `false` if there is none. */
  revoke(id: string): Promise<boolean>;
}

export interface AdminKeyDependencies {
  readonly keyStore: KeyStore;
  readonly ring: Pick<ApiKeyRing, 'listGiven'>;
  readonly access: Pick<PageAccess, 'scopesOf'>;
  readonly audit: AuditTrail;
}

/** A key as `admin-keys.eta` shows it. */
interface ShownKey {
  readonly id: string;
  readonly scopes: string;
  readonly whose: string;
  readonly expiresAt: number | undefined;
  readonly isExpired: boolean;
  readonly lastUsedAt: number | undefined;
  readonly createdAt: number | undefined;
  /** Where it was given, if not here; then it cannot be revoked here. */
  readonly givenBy: string | undefined;
}

/** The forms that create and revoke API keys. */
export function createKeyForms(guard: AdminGuard, dependencies: AdminKeyDependencies): Router {
  const { keyStore, ring, access, audit } = dependencies;
  const router = express.Router();
  router.post('/admin/keys/create', guard.form(create));
  router.post('/admin/keys/revoke', guard.form(revoke));
  router.get('/admin/keys/:form', guard.back);
  return router;

  async function create({ session, form, actor }: AdminForm): Promise<ShownBeside> {
    audit.assertAvailable();
    const key = generateApiKey();
    const record = toRecord(form, hashApiKey(key), Date.now());
    assertGranted(record.scopes, access.scopesOf(session));
    const { id, scopes, user, expiresAt } = record;
    const isGiven = ring.listGiven().some((given) => given.id === id);
    if (isGiven || !(await keyStore.create(record))) {
      throw new FormValueError(`There is already a key "${id}"; choose another name.`);
    }
    audit.record(actor, {
      eventType: 'key_change',
      action: 'create',
      resource: `key/${id}`,
      subjectId: user && toUserPrincipalId(user),
      result: 'success',
      details: { scopes, expires: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString() },
    });
    return { status: 201, newKey: { id, key } };
  }

  async function revoke({ form, actor }: AdminForm): Promise<Done> {
    const id = form.get('id') ?? '';
    audit.assertAvailable();
    if (!(await keyStore.revoke(id))) {
      throw new NotFoundError('There is no such key in the database; reload the page to see the current ones.');
    }
    audit.record(actor, { eventType: 'key_change', action: 'revoke', resource: `key/${id}`, result: 'success' });
    return { done: 'key-revoked' };
  }
}

/** What `admin-keys.eta` shows: all keys, and what the admin may give a new one. */
export async function toKeySection(
  { keyStore, ring, access }: Omit<AdminKeyDependencies, 'audit'>,
  session: PageSession,
  toWho: (user: UserId) => string,
  now: number,
) {
  const granted = access.scopesOf(session);
  const given = ring.listGiven().map((key) => ({ ...key, createdAt: undefined, givenBy: GIVEN_BY[key.source] }));
  const { stored, problem } = await listStored(keyStore);
  const keys = [...given, ...stored.map((key) => ({ ...key, givenBy: undefined }))].map((key): ShownKey => {
    const { id, scopes, user, assertsUser, expiresAt, lastUsedAt, createdAt, givenBy } = key;
    return {
      id,
      scopes: scopes.join(' '),
      whose: user === undefined ? NOBODYS[assertsUser ? 'asserting' : 'program'] : toWho(user),
      expiresAt,
      isExpired: expiresAt !== undefined && now >= expiresAt,
      lastUsedAt,
      createdAt,
      givenBy,
    };
  });
  const choices = ['call', ...PLAIN_SCOPES].filter((scope) => allows(granted, scope));
  return {
    keys: keys.slice(0, MAX_SHOWN),
    keyCount: keys.length,
    keyProblem: problem,
    scopeChoices: choices.map((name) => ({ name, isDefault: DEFAULT_KEY_SCOPES.some((one) => one === name) })),
  };
}

const NOBODYS = { asserting: 'any user that its holder names', program: 'a program' } as const;
const GIVEN_BY = { single: '--api-key or MCPO_API_KEY', file: 'the servers file' } as const;

/** The page has more to show than the keys: a database that is away does not take it down. */
async function listStored(
  keyStore: KeyStore,
): Promise<{ stored: readonly ApiKeyRecord[]; problem: string | undefined }> {
  try {
    return { stored: await keyStore.list(), problem: undefined };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { stored: [], problem: error.message };
  }
}

/** Throws `FormValueError` for what cannot be used. */
function toRecord(form: URLSearchParams, hash: string, now: number): ApiKeyRecord {
  const id = form.get('id')?.trim() ?? '';
  if (!/^[\w.-]{1,64}$/.test(id) || id === SINGLE_KEY_ID) {
    throw new FormValueError(
      `The name may have letters, digits, "_", "." and "-", 64 at most, and must not be "${SINGLE_KEY_ID}".`,
    );
  }
  const more = (form.get('more_scopes') ?? '').split(/[\s,]+/).filter(Boolean);
  const scopes = [...new Set([...form.getAll('scope'), ...more])];
  const wrong = scopes.find((scope) => scope.length > MAX_CHARACTERS || parseScope(scope) === undefined);
  if (wrong !== undefined) {
    throw new FormValueError(`"${wrong.slice(0, 60)}" is not a scope; the forms are ${SCOPE_FORMS}.`);
  }
  if (scopes.length === 0 || scopes.length > MAX_SCOPES) {
    throw new FormValueError(`Choose what the key may do: from one to ${MAX_SCOPES} scopes.`);
  }
  return {
    id,
    hash,
    scopes,
    user: toUser(form.get('user')?.trim() ?? ''),
    assertsUser: false,
    expiresAt: toExpiry(form.get('expires')?.trim() ?? '', now),
    lastUsedAt: undefined,
    createdAt: now,
  };
}

function toUser(text: string): UserId | undefined {
  if (text === '') return undefined;
  const user = text.length > MAX_CHARACTERS ? undefined : parseUserId(text);
  if (user !== undefined) return user;
  throw new FormValueError('The user must be a user id of Open WebUI, or ISSUER:SUBJECT for a user of another issuer.');
}

function toExpiry(text: string, now: number): number | undefined {
  if (text === '') return undefined;
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  if (time > now) return time;
  throw new FormValueError('The date of expiry must be a future date such as 2030-01-31, or empty.');
}

/** Nobody passes on what they do not have. Throws `ForbiddenError`. */
function assertGranted(scopes: readonly string[], granted: Scopes): void {
  const missing = scopes.find((scope) => !allows(granted, scope));
  if (missing === undefined) return;
  throw new ForbiddenError(
    `A key cannot have more rights than your own log-in, which lacks the scope "${missing}". Log in with a credential that has it.`,
  );
}

function allows(granted: Scopes, text: string): boolean {
  const scope = parseScope(text);
  return scope !== undefined && granted.covers(scope);
}
