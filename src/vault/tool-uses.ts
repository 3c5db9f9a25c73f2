import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { withoutErased } from './erasures.ts';
import { lockChanges } from './secret-changes.ts';
import { inPortions, isStorable, type OwnedUse, ownerColumns, serverColumns } from './secret-rows.ts';
import { keyOf } from './value-cache.ts';

/**
 * Writes down uses of different tools in one transaction: the later time, and the calls added. A secret of that owner
 * and server was used as well, if it was set by then. A tool whose name cannot be stored is left out, since servers choose them and the other
 * uses are to be kept.
 */
export async function addToolUses(database: Database, uses: readonly OwnedUse[]): Promise<void> {
  const storable = uses.filter(({ tool }) => isStorable(tool));
  if (storable.length === 0) return;
  await database.transaction().execute(async (transaction) => {
    await lockChanges(transaction);
    const left = await withoutErased(transaction, storable, ({ lastUsedAt }) => lastUsedAt);
    for (const some of inPortions(left)) await addUses(transaction, some);
    for (const { owner, server, lastUsedAt } of latestByServer(left)) {
      await transaction
        .updateTable('secrets')
        .set({ last_used_at: lastUsedAt })
        .where((where) => where.and(serverColumns(owner, server)))
        .where('updated_at', '<=', lastUsedAt)
        .where((where) => where.or([where('last_used_at', 'is', null), where('last_used_at', '<', lastUsedAt)]))
        .execute();
    }
  });
}

/**
 * Notes since when a server refuses a user's credentials; another replica may have noticed it earlier. `undefined` removes
 * the note.
 */
export async function setRefusal(
  database: Database,
  owner: UserId,
  server: string,
  since: number | undefined,
): Promise<void> {
  if (since === undefined) {
    const refusals = database.deleteFrom('refused_credentials');
    await refusals.where((where) => where.and(serverColumns(owner, server))).execute();
    return;
  }
  await database.transaction().execute(async (transaction) => {
    await lockChanges(transaction);
    if ((await withoutErased(transaction, [{ owner }], () => since)).length === 0) return;
    await transaction
      .insertInto('refused_credentials')
      .values({ ...serverColumns(owner, server), since })
      .onConflict((conflict) =>
        conflict
          .columns(['issuer', 'subject', 'server'])
          .doUpdateSet({ since })
          .where('refused_credentials.since', '>', since),
      )
      .execute();
  });
}

/** Adds uses of different tools, in a transaction of the caller's. */
export async function addUses(transaction: Database, uses: readonly OwnedUse[]): Promise<void> {
  await transaction
    .insertInto('tool_uses')
    .values(
      uses.map(({ owner, server, tool, lastUsedAt, calls }) => ({
        ...ownerColumns(owner),
        server,
        tool,
        last_used_at: lastUsedAt,
        calls,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['issuer', 'subject', 'server', 'tool']).doUpdateSet((set) => ({
        calls: set('tool_uses.calls', '+', set.ref('excluded.calls')),
        last_used_at: set
          .case()
          .when('excluded.last_used_at', '>', set.ref('tool_uses.last_used_at'))
          .then(set.ref('excluded.last_used_at'))
          .else(set.ref('tool_uses.last_used_at'))
          .end(),
      })),
    )
    .execute();
}

function latestByServer(uses: readonly OwnedUse[]): Iterable<OwnedUse> {
  const latest = new Map<string, OwnedUse>();
  for (const use of uses) {
    const key = keyOf(use.owner, use.server);
    if (use.lastUsedAt > (latest.get(key)?.lastUsedAt ?? -1)) latest.set(key, use);
  }
  return latest.values();
}
