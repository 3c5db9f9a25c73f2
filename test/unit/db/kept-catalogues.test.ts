import { describeKeptCatalogues } from './kept-catalogues-cases.ts';
import { makeSqliteDatabase } from './test-database.ts';

describeKeptCatalogues('catalogues in SQLite', makeSqliteDatabase);
