import { describeApiKeys } from '../unit/db/api-keys-cases.ts';
import { makePostgresDatabase } from './postgres-database.ts';

describeApiKeys('API keys in PostgreSQL', makePostgresDatabase);
