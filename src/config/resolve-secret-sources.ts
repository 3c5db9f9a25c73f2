import type { Environment } from './environment.ts';
import type { SecretSourceSettings } from './secret-source-variables.ts';

/** How the places are reached in which secrets are kept, from the variables. */
export function toSecretSources({
  values,
  secrets,
  variables,
}: Pick<Environment, 'values' | 'secrets' | 'variables'>): SecretSourceSettings {
  const names = new Set(['PATH', 'HOME', 'LANG', 'TMPDIR', ...(values.MCPO_SECRET_COMMAND_ENV ?? [])]);
  const pick = (isWanted: (name: string) => boolean) =>
    Object.fromEntries([...variables].filter(([name]) => isWanted(name)));
  return {
    vault: {
      address: values.VAULT_ADDR,
      namespace: values.VAULT_NAMESPACE,
      caFile: values.VAULT_CACERT,
      token: secrets.VAULT_TOKEN,
      roleId: values.VAULT_ROLE_ID,
      secretId: secrets.VAULT_SECRET_ID,
      approlePath: values.VAULT_APPROLE_PATH ?? 'approle',
      kubernetesRole: values.VAULT_KUBERNETES_ROLE,
      kubernetesPath: values.VAULT_KUBERNETES_PATH ?? 'kubernetes',
      kubernetesTokenFile: values.VAULT_KUBERNETES_TOKEN_PATH ?? '/var/run/secrets/kubernetes.io/serviceaccount/token',
    },
    commands: {
      allowed: values.MCPO_SECRET_COMMANDS ?? [],
      environment: pick((name) => names.has(name)),
      opEnvironment: pick((name) => name.startsWith('OP_')),
    },
    refreshMs: values.MCPO_SECRET_REFRESH === undefined ? 300_000 : values.MCPO_SECRET_REFRESH.ms,
  };
}
