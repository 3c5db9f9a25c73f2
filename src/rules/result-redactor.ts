import { compileExpression } from './deny-pattern.ts';
import { redactCardNumbers, redactEmails, redactKeys, redactPrivateKeys, redactWebTokens } from './known-patterns.ts';

/** What the service knows how to find: from what holds others to what others hold. */
export const KNOWN_PATTERNS = ['private-keys', 'web-tokens', 'keys', 'emails', 'card-numbers'] as const;
type KnownPattern = (typeof KNOWN_PATTERNS)[number];

/** A pattern of the servers file: a regular expression in RE2's syntax. */
export interface OwnPattern {
  /** What a placeholder says was there. */
  readonly name: string;
  readonly pattern: string;
}

/** Returns a text with all that matches replaced by `[redacted: …]`. Linear. */
export type RedactText = (text: string) => string;

const known: Readonly<Record<KnownPattern, RedactText>> = {
  'private-keys': redactPrivateKeys,
  'web-tokens': redactWebTokens,
  keys: redactKeys,
  emails: redactEmails,
  'card-numbers': redactCardNumbers,
};

const redactors = new WeakMap<readonly unknown[], RedactText>();

/** The redactor for a server's `redactResults`; made once for each. */
export function resultRedactor(entries: readonly (KnownPattern | OwnPattern)[]): RedactText {
  const made = redactors.get(entries);
  if (made !== undefined) return made;
  const steps = [
    ...KNOWN_PATTERNS.filter((name) => entries.includes(name)).map((name) => known[name]),
    ...entries.flatMap((entry) => (typeof entry === 'string' ? [] : toStep(entry))),
  ];
  const redact: RedactText = (text) => steps.reduce((clean, step) => step(clean), text);
  redactors.set(entries, redact);
  return redact;
}

/** Why a text cannot be an own pattern, or `undefined` if it can. */
export function ownPatternProblem(pattern: string): string | undefined {
  try {
    return compileExpression(pattern).test('') ? 'matches the empty text, and so every text.' : undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `is not a regular expression of RE2 (${reason}).`;
  }
}

function toStep({ name, pattern }: OwnPattern): RedactText {
  const expression = compileExpression(pattern);
  const placeholder = `[redacted: ${name}]`;
  // The test alone is many times as fast, and most texts do not match.
  return (text) => (expression.test(text) ? expression.matcher(text).replaceAll(placeholder) : text);
}
