import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { type TestDatabase, toTestDatabase } from '../unit/db/test-database.ts';

/** Where the tests make their databases. */
export const serverUrl = process.env.MCPO_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test';

/** A database of this test's own on the PostgreSQL server. Rejects, saying how to start one, when there is none. */
export async function makePostgresDatabase(): Promise<TestDatabase & { readonly databaseUrl: string }> {
  const name = `mcpo_test_${randomBytes(8).toString('hex')}`;
  // In the order of a language, which is not to matter; PostgreSQL 15 or later.
  const language = "encoding 'UTF8' locale_provider icu icu_locale 'en-US' locale 'C.UTF-8'";
  await onServer(`create database ${name} template template0 ${language}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const databaseUrl = url.href;
  const database = toTestDatabase({ dataDir: tmpdir(), databaseUrl }, () => onServer(`drop database ${name} (force)`));
  return { ...database, databaseUrl };
}

/** Runs a statement beside the code under test. */
export async function onServer(statement: string, url = serverUrl): Promise<void> {
  await rowsOf(statement, url);
}

export async function rowsOf(statement: string, url = serverUrl): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new Error(
      `These tests need PostgreSQL at ${host} with a database "${pathname.slice(1)}": start one with "docker run --rm -p 5432:5432 -e POSTGRES_DB=test -e POSTGRES_HOST_AUTH_METHOD=trust postgres" or "pg_ctlcluster 15 main start", or name another in MCPO_TEST_DATABASE_URL.`,
      { cause: error },
    );
  }
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}
