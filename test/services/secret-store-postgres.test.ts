import { SqlSecretStore } from '../../src/vault/secret-store-sql.ts';
import { describeSecretStore } from '../unit/vault/secret-store-cases.ts';
import { describeUnstorableNames } from '../unit/vault/secret-store-names-cases.ts';
import { makePostgresDatabase } from './postgres-database.ts';

describeSecretStore('secrets in PostgreSQL', async () => {
  const { open, remove } = await makePostgresDatabase();
  return { open: async () => new SqlSecretStore(await open()), remove };
});
describeUnstorableNames('names in PostgreSQL', makePostgresDatabase);
