/** What a KMS does for the vault's keys, which are then kept wrapped: the plain ones are in memory only. */
export interface KeyService {
  /** New keys are kept wrapped. */
  readonly wrapsNewKeys: boolean;
  /** Whether a keyring, as it is kept, has a wrapped key. */
  isNeeded(text: string): boolean;
  /** A key as base64, wrapped under the current key of the KMS. Rejects with `KeyServiceError`. */
  wrap(key: string): Promise<string>;
  /** The keyring with plain keys in place of wrapped ones. Rejects with `KeyServiceError`. */
  unwrapAll(text: string): Promise<string>;
}
