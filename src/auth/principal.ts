/** Who calls. */
export type Principal = { readonly kind: 'anonymous' } | { readonly kind: 'api-key'; readonly id: string };

export const ANONYMOUS: Principal = { kind: 'anonymous' };
