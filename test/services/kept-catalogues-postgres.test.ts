import { describeKeptCatalogues } from '../unit/db/kept-catalogues-cases.ts';
import { makePostgresDatabase } from './postgres-database.ts';

describeKeptCatalogues('catalogues in PostgreSQL', makePostgresDatabase);
