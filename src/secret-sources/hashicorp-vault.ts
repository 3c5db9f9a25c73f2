import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import { codeOf } from '../key-file.ts';
import { requestJson } from './json-request.ts';
import { quoted, SourceError } from './source-error.ts';

type VaultSettings = SecretSourceSettings['vault'];

/** A token is renewed, or replaced by a new log-in, when so much of its time is over. */
const RENEW_AT = 0.6;

const authAnswer = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean() }),
});
const lookUpAnswer = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean().default(false) }) });
const secretAnswer = z.object({
  data: z.record(z.string(), z.unknown()),
  lease_id: z.string().default(''),
  lease_duration: z.number().default(0),
  renewable: z.boolean().default(false),
});
const errorAnswer = z.object({
  errors: z.array(z.string()).default([]),
  warnings: z.array(z.string()).nullish(),
});

interface Token {
  readonly text: string;
  readonly isRenewable: boolean;
  /** Milliseconds since the epoch; infinite for a token that does not expire. */
  readonly renewAt: number;
  readonly expiresAt: number;
}

/** What is stored at a path. */
export interface VaultSecret {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Of a secret that Vault made for us, such as a database's user; `undefined` for one that is stored. */
  readonly lease: { readonly id: string; readonly isRenewable: boolean; readonly durationMs: number } | undefined;
}

/** HashiCorp Vault's HTTP API, with a token, an AppRole or a Kubernetes service account. */
export class HashicorpVault {
  readonly #settings: VaultSettings;
  #token: Token | undefined;
  #loggingIn: Promise<Token> | undefined;

  constructor(settings: VaultSettings) {
    this.#settings = settings;
  }

  /** When the token has to be renewed: milliseconds since the epoch, or infinity. */
  get dueAt(): number {
    return this.#token?.renewAt ?? Number.POSITIVE_INFINITY;
  }

  /** Renews the token, or logs in again, where that is due. Rejects with `SourceError`. */
  async renew(): Promise<void> {
    if (this.#token !== undefined) await this.#validToken();
  }

  /** Reads a path of the API, such as `secret/data/jira` (KV version 2). Rejects with `SourceError`. */
  async read(path: string): Promise<VaultSecret> {
    const {
      data,
      lease_id: id,
      lease_duration: seconds,
      renewable,
    } = parse(secretAnswer, await this.call('GET', path));
    // KV version 2 has the secret in an envelope.
    const inner = z.object({ data: z.record(z.string(), z.unknown()), metadata: z.object({}) }).safeParse(data);
    const fields = inner.success ? inner.data.data : data;
    const lease = id === '' ? undefined : { id, isRenewable: renewable, durationMs: seconds * 1_000 };
    return { fields, lease };
  }

  /** Returns for how many more milliseconds the lease holds. Rejects with `SourceError`. */
  async renewLease(id: string): Promise<number> {
    const answer = await this.call('PUT', 'sys/leases/renew', { lease_id: id });
    return parse(z.object({ lease_duration: z.number() }), answer).lease_duration * 1_000;
  }

  /** Calls a path of the API with a valid token. Rejects with `SourceError`. */
  async call(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<unknown> {
    const token = await this.#validToken();
    const { status, body: answer } = await this.#send(method, path, body, token.text);
    if (status >= 200 && status < 300) return answer;
    if (status !== 403 || this.#settings.token !== undefined) throw toError(status, answer, path);
    // The token may have been revoked: one log-in more shows whether it is that, or the policy.
    this.#token = undefined;
    const fresh = await this.#validToken();
    const again = await this.#send(method, path, body, fresh.text);
    if (again.status >= 200 && again.status < 300) return again.body;
    throw toError(again.status, again.body, path);
  }

  async #validToken(): Promise<Token> {
    const token = this.#token;
    const now = Date.now();
    if (token !== undefined && now < token.renewAt) return token;
    this.#loggingIn ??= this.#renewOrLogIn(token).finally(() => {
      this.#loggingIn = undefined;
    });
    return this.#loggingIn;
  }

  async #renewOrLogIn(token: Token | undefined): Promise<Token> {
    if (token?.isRenewable && Date.now() < token.expiresAt) {
      const { status, body } = await this.#send('POST', 'auth/token/renew-self', {}, token.text);
      const renewed = authAnswer.safeParse(body);
      if (status === 200 && renewed.success) {
        const { lease_duration: seconds, renewable } = renewed.data.auth;
        this.#token = toToken(token.text, seconds, renewable);
        return this.#token;
      }
    }
    this.#token = await this.#logIn();
    return this.#token;
  }

  async #logIn(): Promise<Token> {
    const { token, roleId, secretId, approlePath, kubernetesRole, kubernetesPath } = this.#settings;
    if (token !== undefined) return this.#lookUp(token);
    if (roleId !== undefined && secretId !== undefined) {
      return this.#logInAt(approlePath, { role_id: roleId, secret_id: secretId });
    }
    const jwt = readFile(this.#settings.kubernetesTokenFile, "the service account's token").trim();
    return this.#logInAt(kubernetesPath, { role: kubernetesRole, jwt });
  }

  /** A given token: how long it holds. A policy may forbid to ask; then it is used as it is. */
  async #lookUp(text: string): Promise<Token> {
    const { status, body } = await this.#send('GET', 'auth/token/lookup-self', undefined, text);
    const known = status === 200 ? lookUpAnswer.safeParse(body) : undefined;
    if (!known?.success) return toToken(text, 0, false);
    const { ttl, renewable } = known.data.data;
    return toToken(text, ttl, renewable);
  }

  async #logInAt(mount: string, credentials: object): Promise<Token> {
    const path = `auth/${mount}/login`;
    const { status, body } = await this.#send('POST', path, credentials, undefined);
    if (status !== 200) throw toError(status, body, path);
    const { client_token: text, lease_duration: seconds, renewable } = parse(authAnswer, body).auth;
    return toToken(text, seconds, renewable);
  }

  #send(method: 'GET' | 'POST' | 'PUT', path: string, body: object | undefined, token: string | undefined) {
    const { address = '', namespace, caFile } = this.#settings;
    const url = new URL(`/v1/${path.split('/').map(encodeURIComponent).join('/')}`, address);
    const ca = caFile === undefined ? undefined : readFile(caFile, 'VAULT_CACERT');
    const headers = {
      'x-vault-request': 'true',
      ...(token && { 'x-vault-token': token }),
      ...(namespace && { 'x-vault-namespace': namespace }),
    };
    return requestJson(url, { method, headers, body, ca });
  }
}

/** A duration of 0 is that of a token that does not expire. */
function toToken(text: string, seconds: number, isRenewable: boolean): Token {
  if (seconds <= 0) {
    return { text, isRenewable: false, renewAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY };
  }
  const now = Date.now();
  const ms = seconds * 1_000;
  return { text, isRenewable, renewAt: now + ms * RENEW_AT, expiresAt: now + ms };
}

function parse<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.infer<Schema> {
  const checked = schema.safeParse(answer);
  if (checked.success) return checked.data;
  throw new SourceError('gave an answer that is not one of HashiCorp Vault; check VAULT_ADDR', false);
}

/** The statuses of https://developer.hashicorp.com/vault/api-docs#http-status-codes. */
function toError(status: number, body: unknown, path: string): SourceError {
  const { errors = [], warnings } = errorAnswer.safeParse(body).data ?? {};
  const words = errors.length === 0 ? '' : `: ${quoted(errors.join('; '))}`;
  switch (status) {
    case 403:
      return new SourceError(`refused access to ${path} (403${words}); check the token and its policy`, false);
    case 404: {
      const isVersioned = warnings?.some((warning) => /versioned/i.test(warning));
      const hint = isVersioned ? '; this is KV version 2, whose paths are MOUNT/data/NAME' : '';
      return new SourceError(`has nothing at ${path} (404${words})${hint}`, false);
    }
    case 503:
      return new SourceError(`is sealed or in maintenance (503${words})`, true);
    default: {
      const isTemporary = status === 412 || status === 429 || status >= 470;
      return new SourceError(`answered ${status} for ${path}${words}`, isTemporary);
    }
  }
}

function readFile(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SourceError(`cannot be used: ${what} cannot be read from "${file}" (${codeOf(error)})`, false);
  }
}
