/** The embedded database's file in the data folder. */
export const DATABASE_FILE = 'mcpo-ts.db';
