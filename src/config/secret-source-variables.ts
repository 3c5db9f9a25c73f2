import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { textAs, variable } from './shapes.ts';

const text = variable(z.string());

const MAX_REFRESH_MS = 86_400_000;

/** Where references of the servers file, such as `${vault:…}`, and wrapped keys of the vault are read. */
export const secretSourceValues = {
  VAULT_ADDR: text.describe('HashiCorp Vault for `${vault:…}`, such as `https://vault.example.org:8200`.'),
  VAULT_NAMESPACE: text.describe("Vault's namespace."),
  VAULT_CACERT: text.describe("File with the certificate authority (PEM) of Vault's certificate."),
  VAULT_ROLE_ID: text.describe('Role of an AppRole log-in at Vault; needs `VAULT_SECRET_ID`.'),
  VAULT_APPROLE_PATH: text.meta({ description: 'Where AppRole is mounted in Vault.', default: 'approle' }),
  VAULT_KUBERNETES_ROLE: text.describe("Role of a log-in at Vault with the pod's service account."),
  VAULT_KUBERNETES_PATH: text.meta({ description: 'Where that log-in is mounted in Vault.', default: 'kubernetes' }),
  VAULT_KUBERNETES_TOKEN_PATH: text.meta({
    description: "File with the service account's token.",
    default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  }),
  MCPO_SECRET_REFRESH: variable(textAs(parseRefresh, 'must be a time from 1s to 24h, such as 30s or 5m, or off.')).meta(
    {
      description: 'How often the references of the servers file are read again: a time (`s`, `m`, `h`), or `off`.',
      default: '5m',
    },
  ),
  MCPO_SECRET_COMMANDS: variable(
    textAs(parseCommands, 'must list executables, such as op or /usr/local/bin/read-secret, or be off.'),
  ).meta({
    description:
      'Executables that `${cmd:…}` and `${op:…}` may run, separated by commas: names on `PATH`, or absolute paths.',
    default: 'off',
  }),
  MCPO_SECRET_COMMAND_ENV: variable(z.string().transform((value) => value.split(/[\s,]+/).filter(Boolean))).describe(
    'Variables of the service that these commands get, separated by commas, beside `PATH`, `HOME` and the language; `op` also gets `OP_*`.',
  ),
  MCPO_VAULT_KMS: variable(
    textAs(
      (value) => (/^(?:transit:[\w./-]+|aws-kms:[\w:/.-]+)$/.test(value) ? value : undefined),
      'must be transit:KEY, transit:MOUNT/KEY or aws-kms:KEY (an id, an ARN or alias/NAME).',
    ),
  ).describe(
    "The KMS that wraps the vault's new keys: `transit:KEY` or `transit:MOUNT/KEY` (HashiCorp Vault), or `aws-kms:KEY` (an id, an ARN or `alias/NAME`). Keys that are wrapped already are recognised without it.",
  ),
};

/** How the places are reached in which secrets are kept. */
export interface SecretSourceSettings {
  readonly vault: {
    readonly address: string | undefined;
    readonly namespace: string | undefined;
    readonly caFile: string | undefined;
    readonly token: string | undefined;
    readonly roleId: string | undefined;
    readonly secretId: string | undefined;
    readonly approlePath: string;
    readonly kubernetesRole: string | undefined;
    readonly kubernetesPath: string;
    readonly kubernetesTokenFile: string;
  };
  readonly commands: {
    /** The first word of a command, exactly. */
    readonly allowed: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    /** 1Password's own variables, for `op` alone. */
    readonly opEnvironment: Readonly<Record<string, string>>;
  };
  /** Milliseconds; `undefined`: never. */
  readonly refreshMs: number | undefined;
}

function parseRefresh(given: string): { readonly ms: number | undefined } | undefined {
  if (/^(off|0)$/i.test(given)) return { ms: undefined };
  const ms = (parseDuration(given) ?? 0) * 1_000;
  return ms >= 1_000 && ms <= MAX_REFRESH_MS ? { ms } : undefined;
}

/** A switch such as `on` is not a list: which commands may run is to be written out. */
function parseCommands(given: string): readonly string[] | undefined {
  if (/^(off|false|no|0)$/i.test(given)) return [];
  const names = given.split(/\s*,\s*/).filter(Boolean);
  const isUsable = (name: string) => /^[\w.+-]+$/.test(name) || /^\/[^\0]+$/.test(name);
  return names.every((name) => isUsable(name) && !/^(on|true|yes|1)$/i.test(name)) ? names : undefined;
}
