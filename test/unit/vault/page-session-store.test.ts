import { makeSqliteDatabase } from '../db/test-database.ts';
import { describePageSessions } from './page-session-cases.ts';

describePageSessions('log-ins in SQLite', makeSqliteDatabase);
