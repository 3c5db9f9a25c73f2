import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, jest } from '@jest/globals';
import type { Algorithm } from 'jsonwebtoken';
import type { IssuerSettings, KeySource } from '../../../src/auth/auth-settings.ts';
import type { UserPrincipal } from '../../../src/auth/principal.ts';
import { TokenVerifier, type TokenVerifierOptions } from '../../../src/auth/token-verifier.ts';
import { DEFAULT_CLAIMS } from '../../../src/config/auth-schema.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { encodeToken, rs256 } from '../../fixtures/forged-tokens.ts';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'mcpo-ts';
export const SECRET = 'a secret of the tests that is long enough: 0123456789';
export const NOW_SECONDS = 1_800_000_000;

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const rsaPem = toPem(rsa.publicKey);

export function toPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'spki' }).toString();
}

export function toJwk(key: KeyObject, kid: string | undefined, more: object = {}): object {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig', ...more };
}

export function issuerOf(
  keySource: KeySource,
  algorithms: readonly Algorithm[],
  more: Partial<IssuerSettings> = {},
): IssuerSettings {
  return {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    claims: DEFAULT_CLAIMS,
    scopes: { kind: 'own' },
    keySource,
    algorithms,
    ...more,
  };
}

/** Sets what `Date.now()` returns in each test of the file, in milliseconds since the epoch; timers run on. */
export function useClock(read = () => NOW_SECONDS * 1_000): void {
  beforeEach(() => void jest.spyOn(Date, 'now').mockImplementation(read));
  afterEach(() => void jest.restoreAllMocks());
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

export function collectingLogger(lines: LogLine[] = []): Logger {
  const at =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      void lines.push({ level, message, fields });
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), isDebug: () => true };
}

export function verifierOf(issuers: readonly IssuerSettings[], options: Partial<TokenVerifierOptions> = {}) {
  return new TokenVerifier({
    issuers,
    scopesByRole: new Map(),
    scopesByGroup: new Map(),
    logger: collectingLogger(),
    ...options,
  });
}

/** A good token of `ISSUER`, with what is given changed. */
export function rsaToken(claims: object = {}, header: object = {}, key: KeyObject = rsa.privateKey): string {
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'ada', exp: NOW_SECONDS + 600, ...claims };
  return encodeToken({ alg: 'RS256', typ: 'JWT', ...header }, payload, rs256(key));
}

/** What came of it. */
export async function outcome(verify: () => Promise<UserPrincipal>): Promise<unknown> {
  try {
    return await verify();
  } catch (error) {
    return error;
  }
}
