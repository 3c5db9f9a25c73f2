import { isIdentifier } from '../auth/claims.ts';
import { parseUserId, type UserId } from '../auth/user.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../db/open-database.ts';
import { DatabaseError, ServiceError, UsageError } from '../errors.ts';

/** Opens the database for one command. `content` names what it reads in the `DatabaseError` that this rejects with. */
export async function withDatabase<Result>(
  { dataDir, databaseUrl }: DatabaseLocation,
  content: string,
  use: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ dataDir, databaseUrl });
  try {
    return await use(database);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new DatabaseError(`The ${content} in the database cannot be read or changed${reason}.`, { cause: error });
  } finally {
    await database.destroy();
  }
}

/** The user that an argument names. Throws `UsageError`, whose message begins with `what`. */
export function parseUserArgument(text: string, what: string): UserId {
  const user = parseUserId(text);
  if (user !== undefined && isIdentifier(user.issuer) && isIdentifier(user.subject)) return user;
  throw new UsageError(
    `${what} give the id of a user of Open WebUI, or ISSUER:SUBJECT such as https://id.example.org:alice.`,
  );
}
