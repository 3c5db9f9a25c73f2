import type { ReferenceReading } from '../placeholders/parse-template.ts';
import type { SecretSourceSettings } from './secret-source-variables.ts';

/** The values of the servers file's references, such as `${vault:secret/data/jira#token}`. */
export interface References {
  /** What is known of a reference, without `${` and `}`. */
  lookUp(reference: string): ReferenceReading;
  /** Reads a configuration whose references are looked up meanwhile. Rejects with what `read` throws. */
  load<Loaded>(read: () => Loaded): Promise<Loaded>;
  /** Uses other settings of the sources. */
  configure(sources: SecretSourceSettings): void;
}

/** `read` with the values of all references that it looks up. Rejects with what `read` throws. */
export async function loadResolved<Loaded>(
  { references }: { readonly references?: References | undefined },
  read: () => Loaded,
): Promise<Loaded> {
  return references === undefined ? read() : references.load(read);
}
