import { describeCatalogueCache } from '../unit/db/catalogue-cache-cases.ts';
import { makePostgresDatabase } from './postgres-database.ts';

describeCatalogueCache('catalogues in PostgreSQL', makePostgresDatabase);
