import type { DatabaseLocation } from './open-database.ts';
import { peekDatabase } from './peek-database.ts';

/**
 * Whether the database holds, or may hold, an API key; `false` where there is no database yet. Asked before the service
 * decides where it may listen. Never rejects: a database that cannot be read may have some, so in doubt one is asked for.
 */
export async function hasStoredApiKeys(location: DatabaseLocation): Promise<boolean> {
  try {
    return (await peekDatabase(location, 'select 1 from api_keys limit 1')).length > 0;
  } catch {
    return true;
  }
}
