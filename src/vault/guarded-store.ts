import { errorCodeOf } from '../db/database-error.ts';
import { VaultUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * A store that is opened when it is first used, and tried again while it cannot be. Every error becomes
 * `VaultUnavailableError`; an outage is logged when it begins and when it ends. `onUse` is called after each use.
 */
export function guardStore<Store extends object>(
  open: () => Promise<Store>,
  logger: Logger,
  onUse?: (method: keyof Store, isDone: boolean) => void,
): Store {
  let store: Store | undefined;
  let isAway = false;
  const call = async (name: keyof Store, args: unknown[]): Promise<unknown> => {
    try {
      store ??= await open();
      const method = store[name] as (...given: unknown[]) => Promise<unknown>;
      const result = await method.apply(store, args);
      if (isAway) logger.info('the vault can be reached again');
      isAway = false;
      onUse?.(name, true);
      return result;
    } catch (error) {
      if (!isAway) {
        // Never the message of a driver: it may hold values of the statement.
        const reason = errorCodeOf(error) ?? (error instanceof Error ? error.name : typeof error);
        logger.error('the vault cannot be reached; values in memory are still served', { reason });
      }
      isAway = true;
      onUse?.(name, false);
      throw new VaultUnavailableError('The vault cannot be reached at the moment; try again in a few seconds.');
    }
  };
  return new Proxy({} as Store, {
    get: (_target, name) =>
      // A promise asks for `then` to know whether this is one.
      name === 'then' ? undefined : (...args: unknown[]) => call(name as keyof Store, args),
  });
}
