import { SecretStore } from '../../src/vault/secret-store.ts';
import { describeIdentityStore } from '../unit/vault/identity-store-cases.ts';
import { describePageSessions } from '../unit/vault/page-session-cases.ts';
import { describeSecretStore } from '../unit/vault/secret-store-cases.ts';
import { describeUnstorableNames } from '../unit/vault/secret-store-names-cases.ts';
import { makePostgresDatabase } from './postgres-database.ts';

describeSecretStore('secrets in PostgreSQL', async () => {
  const { open, remove } = await makePostgresDatabase();
  return { open: async () => new SecretStore(await open()), remove };
});
describeUnstorableNames('names in PostgreSQL', makePostgresDatabase);
describePageSessions('log-ins in PostgreSQL', makePostgresDatabase);
describeIdentityStore('one person in PostgreSQL', makePostgresDatabase);
