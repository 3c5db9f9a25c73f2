import { describeCatalogueCache } from './catalogue-cache-cases.ts';
import { makeSqliteDatabase } from './test-database.ts';

describeCatalogueCache('catalogues in SQLite', makeSqliteDatabase);
