/** Whose secret it is: a user, by his issuer and his subject there. */
export interface SecretOwner {
  readonly issuer: string;
  readonly subject: string;
}

/** Names an owner in maps; length-prefixed, so that no two share it. */
export function toOwnerKey({ issuer, subject }: SecretOwner): string {
  return `${issuer.length}:${issuer}${subject}`;
}
