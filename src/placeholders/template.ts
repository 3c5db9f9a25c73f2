/** What a placeholder left in a server's settings stands for; known only once it is clear who calls. */
export type UserPlaceholder =
  | { readonly kind: 'user-variable'; readonly name: string }
  | {
      readonly kind: 'user';
      readonly field: 'id' | 'issuer' | 'email' | 'name' | 'role' | 'jwt' | 'token';
    }
  | { readonly kind: 'chat'; readonly field: 'id' };

export type TemplatePart = { readonly kind: 'literal'; readonly text: string } | UserPlaceholder;

/** One string of a server's settings after the admin's own placeholders were resolved. */
export type Template = readonly TemplatePart[];
