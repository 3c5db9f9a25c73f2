import type { UserId } from '../../../src/auth/user.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { type Keyring, parseKeyring } from '../../../src/vault/keyring.ts';
import type { Store } from '../../../src/vault/secret-store.ts';
import { Vault, type VaultOptions } from '../../../src/vault/vault.ts';
import { MemoryStore } from './memory-store.ts';

export const alice: UserId = { issuer: 'open-webui', subject: 'alice' };
export const bob: UserId = { issuer: 'open-webui', subject: 'bob' };

/** A ring of made-up keys, each named by a number. */
export function ringOf(...numbers: readonly number[]): Keyring {
  const keys = numbers.map((number) => Buffer.alloc(32, number).toString('base64'));
  return parseKeyring(keys.join(), 'MCPO_VAULT_KEY');
}

export interface TestVault<Kind> {
  readonly vault: Vault;
  readonly store: Kind;
  readonly redactor: Redactor;
  /** `level: message {facts}` of each line of the log. */
  readonly said: string[];
  /** What listeners were told, as `subject/server`. */
  readonly told: string[];
}

type TestOptions = Omit<Partial<VaultOptions>, 'openStore'>;

export async function openVaultOver<Kind extends Store>(
  store: Kind,
  options: TestOptions = {},
): Promise<TestVault<Kind>> {
  const redactor = new Redactor();
  const said: string[] = [];
  const say = (level: string) => (message: string, fields?: object) => {
    said.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const logger = {
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
    isDebug: () => true,
  };
  const openStore = async () => store;
  const vault = await Vault.open({ keyring: ringOf(1), keepsLastFour: false, logger, redactor, ...options, openStore });
  return { vault, store, redactor, said, told: [] };
}

export function openTestVault({
  store = new MemoryStore(),
  ...options
}: TestOptions & { readonly store?: MemoryStore } = {}): Promise<TestVault<MemoryStore>> {
  return openVaultOver(store, options);
}

/** The same, with a listener that writes down what it is told. */
export async function openWatchedVault(
  options: Parameters<typeof openTestVault>[0] = {},
): Promise<TestVault<MemoryStore>> {
  const opened = await openTestVault(options);
  opened.vault.onChange(({ subject }, server) => void opened.told.push(`${subject}/${server ?? '*'}`));
  return opened;
}
