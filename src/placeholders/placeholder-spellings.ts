import type { UserPlaceholder } from './template.ts';

/** `${…}` spellings that need no declaration. */
export const dollarSpellings: ReadonlyMap<string, UserPlaceholder> = new Map<string, UserPlaceholder>([
  ['user.id', { kind: 'user', field: 'id' }],
  ['user.issuer', { kind: 'user', field: 'issuer' }],
  ['user.email', { kind: 'user', field: 'email' }],
  ['user.name', { kind: 'user', field: 'name' }],
  ['user.role', { kind: 'user', field: 'role' }],
  ['user.jwt', { kind: 'user', field: 'jwt' }],
  ['user.token', { kind: 'user', field: 'token' }],
  ['chat.id', { kind: 'chat', field: 'id' }],
]);

/** `{{…}}` spellings that need no declaration: Open WebUI's and LibreChat's names for the same things. */
export const braceSpellings: ReadonlyMap<string, UserPlaceholder> = new Map<string, UserPlaceholder>([
  ['USER_ID', { kind: 'user', field: 'id' }],
  ['USER_EMAIL', { kind: 'user', field: 'email' }],
  ['USER_NAME', { kind: 'user', field: 'name' }],
  ['USER_ROLE', { kind: 'user', field: 'role' }],
  ['CHAT_ID', { kind: 'chat', field: 'id' }],
  ['LIBRECHAT_USER_ID', { kind: 'user', field: 'id' }],
  ['LIBRECHAT_USER_EMAIL', { kind: 'user', field: 'email' }],
  ['LIBRECHAT_USER_NAME', { kind: 'user', field: 'name' }],
  ['LIBRECHAT_USER_ROLE', { kind: 'user', field: 'role' }],
]);
