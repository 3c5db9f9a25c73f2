/** What a placeholder left in a server's settings stands for; known only once it is clear who calls. */
export type UserPlaceholder =
  | { readonly kind: 'user-variable'; readonly name: string }
  | {
      readonly kind: 'user';
      readonly field: 'id' | 'issuer' | 'email' | 'name' | 'username' | 'role' | 'groups' | 'jwt' | 'token';
    }
  | { readonly kind: 'chat'; readonly field: 'id' };

/** `${base64:…}` around a text that depends on who calls: Base64 of its UTF-8 (RFC 4648, section 4). */
interface Base64Placeholder {
  readonly kind: 'base64';
  readonly template: Template;
}

/** What depends on who calls. */
export type Placeholder = UserPlaceholder | Base64Placeholder;

/** Text of the admin's; `reference` is what the servers file has in its place, such as `vault:secret/data/x#key`. */
interface Literal {
  readonly kind: 'literal';
  readonly text: string;
  readonly reference?: string;
}

export type TemplatePart = Literal | Placeholder;

/** One string of a server's settings after the admin's own placeholders were resolved. */
export type Template = readonly TemplatePart[];
