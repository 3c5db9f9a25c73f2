import { isIdentifier } from './claims.ts';

/** A user as Open WebUI tells of him. */
export interface OpenWebUiUser {
  readonly id: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly role: string | undefined;
}

/** Reads what Open WebUI says of a user; `undefined` if that names no usable id. Only the id says who it is. */
export function toOpenWebUiUser(
  id: unknown,
  { email, name, role }: Readonly<Record<string, unknown>>,
): OpenWebUiUser | undefined {
  return isIdentifier(id) ? { id, email: textOf(email), name: textOf(name), role: textOf(role) } : undefined;
}

function textOf(value: unknown): string | undefined {
  return isIdentifier(value) ? value : undefined;
}
