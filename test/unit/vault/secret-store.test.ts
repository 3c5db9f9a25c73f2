import { SecretStore } from '../../../src/vault/secret-store.ts';
import { makeSqliteDatabase } from '../db/test-database.ts';
import { describeSecretStore } from './secret-store-cases.ts';
import { describeUnstorableNames } from './secret-store-names-cases.ts';

describeSecretStore('secrets in SQLite', async () => {
  const { open, remove } = await makeSqliteDatabase();
  return { open: async () => new SecretStore(await open()), remove };
});
describeUnstorableNames('names in SQLite', makeSqliteDatabase);
