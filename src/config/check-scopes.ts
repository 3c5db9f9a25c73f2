import { matchesName, parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import type { AuthFile } from './auth-schema.ts';
import type { ConfigReport } from './config-report.ts';
import type { JsonPath } from './json-document.ts';

/**
 * Reports what `auth` grants by texts that are not scopes, and warns of scopes for servers that the file does not have:
 * nobody would notice either before a call is refused.
 */
export function checkScopes(
  { keys, issuers, roles, groups }: Pick<AuthFile, 'keys' | 'issuers' | 'roles' | 'groups'>,
  servers: readonly string[],
  report: ConfigReport,
): void {
  const check = (scopes: readonly string[], path: JsonPath, key: string) => {
    for (const [index, text] of scopes.entries()) {
      const place = { path: [...path, index], key };
      const scope = parseScope(text);
      if (scope === undefined) {
        report.problem(place, `"${text}" is not a scope; the forms are ${SCOPE_FORMS}.`);
      } else if (scope.kind === 'call' && !servers.some((server) => matchesName(scope.server, server))) {
        report.warning(place, `the scope "${text}" is for a server that is not in this file, so it allows nothing.`);
      }
    }
  };
  for (const [index, { scopes }] of keys.entries()) {
    check(scopes, ['auth', 'keys', index, 'scopes'], `auth.keys[${index}].scopes`);
  }
  for (const [index, { scopes, defaultScopes }] of issuers.entries()) {
    const path = ['auth', 'issuers', index];
    const key = `auth.issuers[${index}]`;
    check(defaultScopes, [...path, 'defaultScopes'], `${key}.defaultScopes`);
    for (const [scope, granted] of scopes) check(granted, [...path, 'scopes', scope], `${key}.scopes.${scope}`);
  }
  for (const [name, list] of [
    ['roles', roles],
    ['groups', groups],
  ] as const) {
    for (const [who, scopes] of list) check(scopes, ['auth', name, who], `auth.${name}.${who}`);
  }
}
