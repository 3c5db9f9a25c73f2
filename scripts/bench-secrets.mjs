// Times the vault's store: secrets sealed and written, read and opened, per second, in SQLite and PostgreSQL.
// MCPO_BENCH_DATABASE_URL=postgres://… node scripts/bench-secrets.mjs [secrets=1000].
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSource } from './replay-service.mjs';

const count = Number(process.argv[2] ?? 1_000);
const AT_ONCE = 10;
const SERVERS_EACH = 5;

const { openDatabase, SecretStore, open, seal, parseKeyring } = await importSource([
  'db/open-database.ts',
  'vault/secret-store.ts',
  'vault/cipher.ts',
  'vault/keyring.ts',
]);

const keyring = parseKeyring(randomBytes(32).toString('base64'), 'MCPO_VAULT_KEY');
const values = new Map();
const places = Array.from({ length: count }, (_, index) => ({
  owner: { issuer: 'bench', subject: `user-${Math.floor(index / SERVERS_EACH)}` },
  server: `server-${index % SERVERS_EACH}`,
  name: 'TOKEN',
}));
for (const place of places) values.set(place, randomBytes(30).toString('base64url'));

const databaseUrl = process.env.MCPO_BENCH_DATABASE_URL;
const results = new Map([
  ['cipher alone', measureCipher()],
  ['SQLite', await measureSqlite()],
]);
if (databaseUrl === undefined) console.log('PostgreSQL is left out: MCPO_BENCH_DATABASE_URL names none.');
else results.set('PostgreSQL', await measurePostgres(databaseUrl));
print(results);

async function measureSqlite() {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-secrets-'));
  try {
    return await measureStore({ dataDir });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** In a schema of its own, which is dropped afterwards. */
async function measurePostgres(url) {
  const { default: pg } = await import('pg');
  const schema = `bench_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`create schema ${schema}`);
  try {
    const own = new URL(url);
    own.searchParams.set('options', `-csearch_path=${schema}`);
    return await measureStore({ dataDir: tmpdir(), databaseUrl: own.href });
  } finally {
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  }
}

async function measureStore(location) {
  const database = await openDatabase(location);
  try {
    const store = new SecretStore(database);
    const write = (place) =>
      store.put(
        [{ place, seal: (version) => seal(keyring, place, version, values.get(place)), lastFour: undefined }],
        Date.now(),
      );
    const read = async (place) => {
      const [row] = await store.get(place.owner, place.server);
      if (row === undefined || open(keyring, row) !== values.get(place)) throw new Error('a secret was read wrongly');
    };
    return {
      'written one by one': await rate(write, 1),
      'written again, ten at once': await rate(write, AT_ONCE),
      'read one by one': await rate(read, 1),
      'read ten at once': await rate(read, AT_ONCE),
    };
  } finally {
    await database.destroy();
  }
}

function measureCipher() {
  const rows = new Map();
  const sealed = timed(() => {
    for (const place of places)
      rows.set(place, { ...place, version: 1, ...seal(keyring, place, 1, values.get(place)) });
  });
  const opened = timed(() => {
    for (const place of places) open(keyring, rows.get(place));
  });
  return {
    'written one by one': sealed,
    'written again, ten at once': sealed,
    'read one by one': opened,
    'read ten at once': opened,
  };
}

/** Secrets per second. */
async function rate(work, atOnce) {
  const start = performance.now();
  const waiting = [...places];
  const worker = async () => {
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) await work(place);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (places.length * 1_000) / (performance.now() - start);
}

function timed(work) {
  const start = performance.now();
  work();
  return (places.length * 1_000) / (performance.now() - start);
}

function print(measured) {
  const floor = measured.get('SQLite');
  console.log(`${count} secrets, each with a data key of its own; per second, and beside SQLite`);
  console.log(`  ${''.padEnd(28)}${[...measured.keys()].map((name) => name.padStart(22)).join('')}`);
  for (const what of Object.keys(floor)) {
    const cells = [...measured.values()].map(
      (rates) => `${rates[what].toFixed(0).padStart(12)} ${`${(rates[what] / floor[what]).toFixed(2)} ×`.padStart(9)}`,
    );
    console.log(`  ${what.padEnd(28)}${cells.join('')}`);
  }
}
