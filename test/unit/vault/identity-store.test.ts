import { makeSqliteDatabase } from '../db/test-database.ts';
import { describeIdentityStore } from './identity-store-cases.ts';

describeIdentityStore('one person in SQLite', makeSqliteDatabase);
