import { describeApiKeys } from './api-keys-cases.ts';
import { makeSqliteDatabase } from './test-database.ts';

describeApiKeys('API keys in SQLite', makeSqliteDatabase);
