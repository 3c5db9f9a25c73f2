import type { IssuerSettings, KeySource } from '../auth/auth-settings.ts';
import { DEFAULT_USER_SCOPES } from '../auth/scope.ts';
import { OPEN_WEBUI_ISSUER } from '../auth/user.ts';
import type { ConfigProblem } from '../errors.ts';
import {
  ANY_AUDIENCE,
  ASYMMETRIC_ALGORITHMS,
  AUDIENCE_RULE,
  type AuthFile,
  DEFAULT_CLAIMS,
  HMAC_ALGORITHMS,
  type JwtAlgorithm,
} from './auth-schema.ts';
import type { Environment } from './environment.ts';
import { readTextFile } from './text-file.ts';

type IssuerFile = AuthFile['issuers'][number];

/** An issuer of the servers file. What cannot be used is added to `problems`. */
export function toIssuer(issuer: IssuerFile, problems: ConfigProblem[]): IssuerSettings {
  const keySource = toKeySource(issuer, problems);
  const usable: readonly JwtAlgorithm[] = keySource.kind === 'secret' ? HMAC_ALGORITHMS : ASYMMETRIC_ALGORITHMS;
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
    claims: issuer.claims,
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
    problems.push({ key: 'auth.issuers', message: `the file "${issuer.publicKeyFile}" ${(error as Error).message}.` });
    return { kind: 'public-key', pem: '' };
  }
}

/**
 * The issuer of the variables: by `JWT_SECRET`, else `JWT_PUBLIC_KEY`, else the key set of `JWT_ISSUER`. What cannot be
 * used is added to `problems`.
 */
export function toOwnIssuer(
  { JWT_ISSUER: issuer, JWT_AUDIENCE: audiences = [], JWT_ALGORITHM }: Environment['values'],
  secrets: Environment['secrets'],
  problems: ConfigProblem[],
): IssuerSettings | undefined {
  const problem = (key: string, message: string) => void problems.push({ key, message });
  const keySource = ownKeySource(secrets, issuer);
  if (keySource === undefined) {
    if (audiences.length > 0) problem('JWT_AUDIENCE', 'needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_ISSUER beside it.');
    return undefined;
  }
  const isSecret = keySource.kind === 'secret';
  if (keySource.kind === 'discovery' && !/^https?:\/\//i.test(issuer ?? '')) {
    problem('JWT_ISSUER', 'must be the URL of the issuer, whose key set is read from it, unless JWT_SECRET is set.');
  }
  // Tokens that are signed with `JWT_SECRET` are meant for us; those of a provider may be meant for another service.
  if (audiences.length === 0 && !isSecret) {
    problem('JWT_AUDIENCE', `must be set to ${AUDIENCE_RULE}, which JWT_AUDIENCE=* permits.`);
  }
  if (audiences.length > 1 && audiences.includes(ANY_AUDIENCE)) {
    problem('JWT_AUDIENCE', 'has * beside other values; keep one of the two.');
  }
  // Its users would be Open WebUI's: a signer of such tokens could act as any of them.
  if (issuer === OPEN_WEBUI_ISSUER) {
    const message = `must not be "${issuer}", which names Open WebUI's users; MCPO_OPENWEBUI_USER_JWT_SECRET accepts the tokens that Open WebUI signs.`;
    problem('JWT_ISSUER', message);
  }
  const algorithms = JWT_ALGORITHM ?? (isSecret ? ['HS256'] : ASYMMETRIC_ALGORITHMS);
  if (!algorithms.every((one) => one.startsWith('HS') === isSecret)) {
    const message = isSecret ? 'must be HS256, HS384 or HS512 with JWT_SECRET.' : 'must not be HS… without JWT_SECRET.';
    problem('JWT_ALGORITHM', message);
  }
  return {
    issuer,
    audiences: toAudiences(audiences),
    algorithms,
    keySource,
    claims: DEFAULT_CLAIMS,
    scopes: isSecret ? { kind: 'own' } : { kind: 'mapped', defaults: DEFAULT_USER_SCOPES, byScope: new Map() },
  };
}

function ownKeySource(
  { JWT_SECRET: secret, JWT_SECRET_PREVIOUS: previousSecret, JWT_PUBLIC_KEY: publicKey }: Environment['secrets'],
  issuer: string | undefined,
): KeySource | undefined {
  if (secret !== undefined) return { kind: 'secret', secret, ...(previousSecret && { previousSecret }) };
  if (publicKey !== undefined) return { kind: 'public-key', pem: publicKey.replaceAll('\\n', '\n') };
  return issuer === undefined ? undefined : { kind: 'discovery' };
}

/** Empty: any audience is accepted. */
function toAudiences(audiences: readonly string[]): readonly string[] {
  return audiences.includes(ANY_AUDIENCE) ? [] : audiences;
}
