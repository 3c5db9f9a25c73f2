import { hash } from 'node:crypto';
import type { IssuerSettings, LogInProvider } from '../auth/auth-settings.ts';
import { DEFAULT_USER_SCOPES } from '../auth/scope.ts';
import type { ConfigProblem } from '../errors.ts';
import { type AuthFile, DEFAULT_CLAIMS } from './auth-schema.ts';
import { readSecretFile } from './secret-variables.ts';

type LogInFile = AuthFile['login'][number];

const FILE = /^\$\{file:([^}]+)\}$/;
const VARIABLE = /^\$\{(?:env:)?([A-Za-z_]\w*)\}$/;

/** The providers of `auth.login`. What cannot be used is added to `problems`. */
export function toLogInProviders(
  file: AuthFile['login'],
  issuers: readonly IssuerSettings[],
  variables: ReadonlyMap<string, string>,
  problems: ConfigProblem[],
): readonly LogInProvider[] {
  const providers = file.map((entry): LogInProvider => {
    const { issuer, clientId, scopes, title = new URL(issuer).host } = entry;
    const clientSecret = readClientSecret(entry, variables, problems);
    // Several providers, and a public client: the code of one could be redeemed by another (RFC 9700, section 4.4).
    if (clientSecret === undefined && file.length > 1) {
      problems.push(
        problemOf(entry, 'needs "clientSecret" or "clientSecretFile", because there are several providers.'),
      );
    }
    return {
      key: hash('sha256', `${issuer}\n${clientId}`).slice(0, 12),
      issuer,
      clientId,
      clientSecret,
      scopes: [...new Set(['openid', ...scopes])],
      title,
      ...claimRules(issuers.find((one) => one.issuer === issuer)),
    };
  });
  for (const [index, { key }] of providers.entries()) {
    const isTwice = providers.findIndex((one) => one.key === key) !== index;
    if (isTwice && file[index]) problems.push(problemOf(file[index], 'is named twice with the same "clientId".'));
  }
  return providers;
}

/** The files that hold client secrets. */
export function logInFiles(file: AuthFile['login']): readonly string[] {
  return file.flatMap(({ clientSecret, clientSecretFile }) => clientSecretFile ?? fileIn(clientSecret) ?? []);
}

/** What the issuer's tokens mean here. Not the rules of our own tokens: another signer's scopes would count as ours. */
function claimRules(known: IssuerSettings | undefined): Pick<LogInProvider, 'claims' | 'granted'> {
  const granted = { kind: 'mapped', defaults: DEFAULT_USER_SCOPES, byScope: new Map() } as const;
  if (known === undefined || known.scopes.kind === 'own') return { claims: DEFAULT_CLAIMS, granted };
  return { claims: known.claims, granted: known.scopes };
}

function readClientSecret(
  entry: LogInFile,
  variables: ReadonlyMap<string, string>,
  problems: ConfigProblem[],
): string | undefined {
  const { clientSecret: given, clientSecretFile } = entry;
  const path = clientSecretFile ?? fileIn(given);
  if (path !== undefined) {
    try {
      return readSecretFile(path);
    } catch (error) {
      problems.push(problemOf(entry, `has a client secret that cannot be read: ${(error as Error).message}`));
      return undefined;
    }
  }
  const name = VARIABLE.exec(given ?? '')?.[1];
  if (name !== undefined) {
    const value = variables.get(name)?.trim();
    if (!value) problems.push(problemOf(entry, `takes its client secret from ${name}, which is not set.`));
    return value;
  }
  if (given?.includes('${')) {
    const message = 'has a "clientSecret" with a placeholder that is not understood; use ${env:NAME} or ${file:/path}.';
    problems.push(problemOf(entry, message));
  }
  return given;
}

function fileIn(secret: string | undefined): string | undefined {
  return FILE.exec(secret ?? '')?.[1];
}

function problemOf({ issuer }: LogInFile, message: string): ConfigProblem {
  return { key: 'auth.login', message: `"${issuer}" ${message}` };
}
