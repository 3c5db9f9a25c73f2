import type { ClaimNames, IssuerSettings, KeySource } from '../auth/auth-settings.ts';
import { DEFAULT_USER_SCOPES } from '../auth/scope.ts';
import type { ConfigProblem } from '../errors.ts';
import { ALGORITHMS, ANY_AUDIENCE, type AuthFile, type JwtAlgorithm } from './auth-schema.ts';
import { readTextFile } from './env-file.ts';
import type { JwtEnvironment } from './environment.ts';

const ASYMMETRIC = ALGORITHMS.filter((one) => !one.startsWith('HS'));

/** As OpenID Connect has them, where it has any. */
export const DEFAULT_CLAIMS: ClaimNames = {
  subject: 'sub',
  email: 'email',
  name: 'name',
  role: 'role',
  groups: 'groups',
  scope: 'scope',
};

/** The issuer of Open WebUI's users, as `auth/` has it. */
const OPEN_WEBUI = 'open-webui';

type IssuerFile = AuthFile['issuers'][number];

/** An issuer of the servers file. What cannot be used is added to `problems`. */
export function toIssuer(issuer: IssuerFile, problems: ConfigProblem[]): IssuerSettings {
  const keySource = toKeySource(issuer, problems);
  const usable: readonly JwtAlgorithm[] = keySource.kind === 'secret' ? ['HS256', 'HS384', 'HS512'] : ASYMMETRIC;
  const algorithms = issuer.algorithms ?? usable;
  if (!algorithms.every((one) => usable.includes(one))) {
    const message = `"${issuer.issuer}" has algorithms that its kind of key cannot check; use ${usable.join(', ')}.`;
    problems.push({ key: 'auth.issuers', message });
  }
  return {
    issuer: issuer.issuer,
    audiences: toAudiences(issuer.audience ?? []),
    algorithms,
    keySource,
    claims: { ...DEFAULT_CLAIMS, ...defined(issuer.claims) },
    scopes: { kind: 'mapped', defaults: issuer.defaultScopes, byScope: issuer.scopes },
  };
}

function toKeySource(issuer: IssuerFile, problems: ConfigProblem[]): KeySource {
  if (issuer.secret !== undefined) return { kind: 'secret', secret: issuer.secret };
  if (issuer.publicKey !== undefined) return { kind: 'public-key', pem: issuer.publicKey };
  if (issuer.jwksUri !== undefined) return { kind: 'key-set', uri: issuer.jwksUri };
  if (issuer.publicKeyFile === undefined) return { kind: 'discovery' };
  try {
    return { kind: 'public-key', pem: readTextFile(issuer.publicKeyFile) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    problems.push({ key: 'auth.issuers', message: `the file "${issuer.publicKeyFile}" ${reason}.` });
    return { kind: 'public-key', pem: '' };
  }
}

/**
 * The issuer of the variables: by `JWT_SECRET`, else `JWT_PUBLIC_KEY`, else the key set of `JWT_ISSUER`. What cannot be
 * used is added to `problems`.
 */
export function toOwnIssuer(jwt: JwtEnvironment, problems: ConfigProblem[]): IssuerSettings | undefined {
  const { secret, publicKey, issuer } = jwt;
  const keySource: KeySource | undefined =
    secret !== undefined
      ? { kind: 'secret', secret }
      : publicKey !== undefined
        ? { kind: 'public-key', pem: publicKey.replaceAll('\\n', '\n') }
        : issuer !== undefined
          ? { kind: 'discovery' }
          : undefined;
  if (keySource === undefined) {
    if (jwt.audiences.length > 0) {
      problems.push({ key: 'JWT_AUDIENCE', message: 'needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_ISSUER beside it.' });
    }
    return undefined;
  }
  if (keySource.kind === 'discovery' && (issuer === undefined || !/^https?:\/\//i.test(issuer))) {
    const message = 'must be the URL of the issuer, whose key set is read from it, unless JWT_SECRET is set.';
    problems.push({ key: 'JWT_ISSUER', message });
  }
  const isSecret = keySource.kind === 'secret';
  problems.push(...audienceProblems(jwt.audiences, isSecret));
  // Its users are Open WebUI's: whoever could sign such a token would act as any of them.
  if (issuer === OPEN_WEBUI) {
    const message = `must not be "${OPEN_WEBUI}", which names Open WebUI's users; MCPO_OPENWEBUI_USER_JWT_SECRET accepts the tokens that Open WebUI signs.`;
    problems.push({ key: 'JWT_ISSUER', message });
  }
  const algorithms = jwt.algorithms ?? (isSecret ? ['HS256'] : ASYMMETRIC);
  if (!algorithms.every((one) => one.startsWith('HS') === isSecret)) {
    const message = isSecret ? 'must be HS256, HS384 or HS512 with JWT_SECRET.' : 'must not be HS… without JWT_SECRET.';
    problems.push({ key: 'JWT_ALGORITHM', message });
  }
  return {
    issuer,
    audiences: toAudiences(jwt.audiences),
    algorithms,
    keySource,
    claims: DEFAULT_CLAIMS,
    scopes: isSecret ? { kind: 'own' } : { kind: 'mapped', defaults: DEFAULT_USER_SCOPES, byScope: new Map() },
  };
}

/** Tokens that are signed with `JWT_SECRET` are meant for us; those of a provider may be meant for anybody. */
function audienceProblems(audiences: readonly string[], isSecret: boolean): readonly ConfigProblem[] {
  const key = 'JWT_AUDIENCE';
  if (audiences.length === 0 && !isSecret) {
    const message =
      'must be set to the value of "aud" in tokens that are meant for this service; without it a token for any other service of the issuer would be accepted, which JWT_AUDIENCE=* permits.';
    return [{ key, message }];
  }
  const isMixed = audiences.length > 1 && audiences.includes(ANY_AUDIENCE);
  return isMixed ? [{ key, message: 'has * beside other values; keep one of the two.' }] : [];
}

/** Empty: any will do. */
function toAudiences(audiences: readonly string[]): readonly string[] {
  return audiences.includes(ANY_AUDIENCE) ? [] : audiences;
}

/** Without the keys that are `undefined`. */
export function defined<Value extends object>(
  value: Value,
): { [Key in keyof Value]-?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}
