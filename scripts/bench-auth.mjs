// Times what authentication costs a call: an API key, and tokens with and without the cache of verified ones, and what
// a refused token costs. node scripts/bench-auth.mjs [milliseconds each=400].
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { importSource } from './replay-service.mjs';

const sliceMs = Number(process.argv[2] ?? 400);
const ROUNDS = 3;

const { ApiKeyRing, createTokenVerifier, DEFAULT_CLAIMS } = await importSource([
  'auth/api-key-ring.ts',
  'auth/token-verifier.ts',
  'config/resolve-issuers.ts',
]);

const secret = randomBytes(48).toString('base64');
const apiKey = randomBytes(32).toString('base64url');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const kinds = {
  HS256: {
    keySource: { kind: 'secret', secret },
    sign: (input) => createHmac('sha256', secret).update(input).digest(),
  },
  RS256: {
    keySource: { kind: 'public-key', pem: toPem(rsa.publicKey) },
    sign: (input) => sign('sha256', Buffer.from(input), rsa.privateKey),
  },
  ES256: {
    keySource: { kind: 'public-key', pem: toPem(curve.publicKey) },
    sign: (input) => sign('sha256', Buffer.from(input), { key: curve.privateKey, dsaEncoding: 'ieee-p1363' }),
  },
};

const ring = new ApiKeyRing();
ring.replaceGiven({ apiKey, keys: [], openWebUi: { trustUserHeaders: false } });
const accepted = { 'API key': () => ring.find(apiKey) ?? fail('the API key was refused') };
for (const [algorithm, { keySource, sign: signature }] of Object.entries(kinds)) {
  const token = makeToken({ alg: algorithm, typ: 'JWT' }, {}, signature);
  for (const [name, maxCachedTokens] of [
    ['verified', 0],
    ['cached', 1_000],
  ]) {
    const verifier = makeVerifier(algorithm, keySource, maxCachedTokens);
    accepted[`${algorithm} ${name}`] = () => verifier.verify(token);
  }
}
print('accepted, beside the API key', await measure(accepted), 'API key');

const verifier = makeVerifier('RS256', kinds.RS256.keySource, 0);
const header = { alg: 'RS256', typ: 'JWT' };
const genuine = makeToken(header, {}, kinds.RS256.sign);
const presented = {
  'wrong signature': `${genuine.slice(0, -8)}AAAAAAAA`.replace(/A{8}$/, 'AAAAAAAw'),
  expired: makeToken(header, { exp: 1 }, kinds.RS256.sign),
  'wrong issuer': makeToken(header, { iss: 'https://other.example' }, kinds.RS256.sign),
  'alg none': makeToken({ alg: 'none' }, {}, () => Buffer.from('x')),
  'HS256 by the public key': makeToken({ alg: 'HS256' }, {}, kinds.HS256.sign),
  'no base64': '%%%.%%%.%%%',
  '100 kB': 'x'.repeat(100_000),
};
const refused = Object.entries(presented).map(([name, token]) => [name, () => refuse(token)]);
print(
  'refused, beside the genuine one',
  await measure({ genuine: () => verifier.verify(genuine), ...Object.fromEntries(refused) }),
  'genuine',
);

function refuse(token) {
  try {
    verifier.verify(token);
  } catch {
    return;
  }
  fail('a forged token was taken');
}

function makeVerifier(algorithm, keySource, maxCachedTokens) {
  return createTokenVerifier({
    issuers: [
      {
        issuer: 'https://id.example',
        audiences: ['mcpo-ts'],
        algorithms: [algorithm],
        keySource,
        scopes: { kind: 'own' },
        claims: DEFAULT_CLAIMS,
      },
    ],
    scopesByRole: new Map(),
    scopesByGroup: new Map(),
    logger: { error() {}, warn() {}, info() {}, debug() {}, isDebug: () => false },
    maxCachedTokens,
  });
}

/** About as long as the tokens of common providers. */
function makeToken(header, claims, signature) {
  const payload = {
    iss: 'https://id.example',
    aud: 'mcpo-ts',
    sub: 'b5e0f3a2-57b4-4f5e-9d3c-5f1f0a1c2d3e',
    email: 'ada@example.com',
    name: 'Ada Lovelace',
    groups: ['engineers', 'mathematicians', 'operators'],
    scope: 'call docs',
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    ...claims,
  };
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${signature(input).toString('base64url')}`;
}

/** The best of several rounds each, taken in turns, so that a busy machine treats all alike; microseconds per call. */
async function measure(cases) {
  const best = new Map();
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, run] of Object.entries(cases)) {
      const us = await timeOne(run, sliceMs / ROUNDS);
      // The first round warms up.
      if (round > 0) best.set(name, Math.min(us, best.get(name) ?? Number.POSITIVE_INFINITY));
    }
  }
  return best;
}

async function timeOne(run, ms) {
  await new Promise(setImmediate);
  const start = performance.now();
  let runs = 0;
  do {
    for (let index = 0; index < 50; index += 1) run();
    runs += 50;
  } while (performance.now() - start < ms);
  return ((performance.now() - start) * 1_000) / runs;
}

function print(title, results, floor) {
  console.log(title);
  for (const [name, us] of results) {
    console.log(
      `  ${name.padEnd(26)} ${us.toFixed(2).padStart(8)} µs  ${(us / results.get(floor)).toFixed(2).padStart(7)} ×`,
    );
  }
}

function toPem(key) {
  return key.export({ format: 'pem', type: 'spki' });
}

function fail(message) {
  throw new Error(message);
}
