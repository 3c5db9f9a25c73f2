import { z } from 'zod';
import { KNOWN_PATTERNS, ownPatternProblem } from '../rules/result-redactor.ts';
import { nonEmptyText } from './shapes.ts';

const ownPattern = z.strictObject({
  // A "$" would mean a group of the pattern.
  name: nonEmptyText
    .regex(/^[\p{L}\p{M}\p{N} _.-]{1,60}$/u, 'must be 1 to 60 letters, digits, spaces, "_", "." or "-".')
    .describe('What placeholders say: `[redacted: NAME]`.'),
  pattern: nonEmptyText
    .superRefine((pattern, issues) => {
      const message = ownPatternProblem(pattern);
      if (message !== undefined) issues.addIssue({ code: 'custom', message });
    })
    .describe("Regular expression in RE2's syntax."),
});

/** `redactResults` of a server. */
export const redactedResults = z
  .array(
    z.union([z.enum(KNOWN_PATTERNS), ownPattern], {
      error: `must be one of ${KNOWN_PATTERNS.join(', ')}, or {"name", "pattern"}.`,
    }),
  )
  .min(1, 'redacts nothing; name a pattern, or leave it out.');
