import type { SecretSourceSettings } from '../config/secret-source-variables.ts';

/** Where the value of a reference is kept. */
export type Reference =
  | { readonly source: 'vault'; readonly locator: string; readonly key: string }
  | { readonly source: 'aws-sm'; readonly locator: string; readonly key: string | undefined }
  | { readonly source: 'command'; readonly locator: string; readonly words: readonly string[] };

/** Reads `vault:PATH#KEY`, `aws-sm:NAME#KEY`, `op:op://…` or `cmd:…`; a text says what is wrong with it. */
export function parseReference(text: string, settings: SecretSourceSettings): Reference | string {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, colon);
  const body = text.slice(colon + 1).trim();
  if (scheme !== 'cmd' && /:-/.test(body)) {
    return 'has a default, and a secret takes none: a source that is away would go unnoticed; remove ":-" and what follows';
  }
  switch (scheme) {
    case 'vault':
      return parseVault(body, settings);
    case 'aws-sm':
      return parseAws(body);
    case 'op':
      return toCommand(text, ['op', 'read', '--no-newline', body.replace(/^(?:op:)?\/\//, 'op://')], settings);
    default:
      return toCommand(text, wordsOf(body), settings);
  }
}

function parseVault(body: string, { vault }: SecretSourceSettings): Reference | string {
  const hash = body.lastIndexOf('#');
  const path = body.slice(0, hash).replace(/^\/+|\/+$/g, '');
  const key = body.slice(hash + 1);
  if (hash === -1 || path === '' || key === '') return 'is not in the form ${vault:PATH#KEY}';
  if (/[?#%\\]|(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return 'has a path that Vault does not know, with "..", "?" or "%"';
  if (vault.address === undefined) return 'needs VAULT_ADDR, the URL of HashiCorp Vault';
  if (!/^https?:\/\/[^/?#\s@]+\/?$/.test(vault.address)) {
    return 'needs VAULT_ADDR to be a URL such as https://vault.example.org:8200';
  }
  const hasLogIn = vault.token !== undefined || vault.kubernetesRole !== undefined;
  if (hasLogIn || (vault.roleId !== undefined && vault.secretId !== undefined)) {
    return { source: 'vault', locator: path, key };
  }
  return 'needs VAULT_TOKEN or VAULT_TOKEN_FILE, VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE';
}

/** An ARN has colons; none of the names has a "#". */
function parseAws(body: string): Reference | string {
  const [, locator = '', key] = /^([^#]+)(?:#(.+))?$/.exec(body) ?? [];
  if (!/^[\w/+=.@:-]+$/.test(locator)) return 'is not in the form ${aws-sm:NAME#KEY}';
  return { source: 'aws-sm', locator, key };
}

function toCommand(text: string, words: readonly string[], { commands }: SecretSourceSettings): Reference | string {
  const [program = ''] = words;
  if (program === '') return 'names no command';
  if (commands.allowed.includes(program)) return { source: 'command', locator: text, words };
  return `runs "${program}", which is not allowed; MCPO_SECRET_COMMANDS=${program} allows it`;
}

/** Words, or texts in quotes: there is no shell that would read anything else. */
function wordsOf(body: string): readonly string[] {
  return [...body.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}
