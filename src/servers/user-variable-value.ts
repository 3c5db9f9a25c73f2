import type { ServerConfig, UserVariable } from '../config/server-config.ts';
import { PlaceholderValueError, UserVariableValueError } from '../errors.ts';
import { userPlaceholders } from '../placeholders/resolve-template.ts';
import { resolveUrl } from '../placeholders/resolve-url.ts';
import { matchesPattern } from '../schema/check/pattern.ts';
import { toLine } from './server-title.ts';
import { toTitles } from './user-values.ts';

const MAX_VALUE_BYTES = 16 * 1024;

/**
 * Checks a value that a user wants to keep. Throws `UserVariableValueError` with one sentence that says what is wrong
 * and never quotes the value.
 */
export function checkVariableValue(name: string, variable: UserVariable, value: string, config: ServerConfig): void {
  const problem = findProblem(name, variable, value, config);
  if (problem !== undefined) throw new UserVariableValueError(`${toTitles([variable.title])} ${problem}.`, name);
}

function findProblem(name: string, variable: UserVariable, value: string, config: ServerConfig): string | undefined {
  if (value === '') return 'is empty: give it a value, or remove it';
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) return `is longer than ${MAX_VALUE_BYTES / 1024} KiB`;
  if (/[\r\n\0]/.test(value)) return 'holds a line break or NUL character: paste it again without it';
  if (!value.isWellFormed()) return 'holds half a character (an unpaired surrogate): paste it again';
  if (isInHeader(name, config)) {
    if (/[^\t\x20-\x7e\x80-\u{10ffff}]/u.test(value))
      return 'holds a control character, which no HTTP header can carry';
    if (/[^\0-\xff]/.test(value)) return 'holds a character beyond Latin-1, which no HTTP header can carry';
  }
  if (leavesItsPlaceInUrl(name, value, config))
    return 'must not be "." or "..", which would change where the url points';
  const { choices, pattern, patternHint } = variable;
  if (choices !== undefined && !choices.some((choice) => choice.value === value)) return 'is not one of its choices';
  if (pattern !== undefined && !matchesPattern(`^(?:${pattern})$`, value))
    return `is not in the expected format: ${toFormat(patternHint, pattern)}`;
  return undefined;
}

function isInHeader(name: string, { transport }: ServerConfig): boolean {
  if (transport.type === 'stdio') return false;
  return [...transport.headers.values()]
    .flatMap(userPlaceholders)
    .some((placeholder) => placeholder.kind === 'user-variable' && placeholder.name === name);
}

/** Checked with something ordinary in place of all other values. */
function leavesItsPlaceInUrl(name: string, value: string, { transport, rawUrlPlaceholders }: ServerConfig): boolean {
  if (transport.type === 'stdio' || rawUrlPlaceholders) return false;
  const template = transport.url.map((part) => {
    return part.kind === 'literal' || (part.kind === 'user-variable' && part.name === name)
      ? part
      : { kind: 'literal' as const, text: 'x' };
  });
  try {
    resolveUrl(template, { variables: new Map([[name, value]]) });
    return false;
  } catch (error) {
    if (error instanceof PlaceholderValueError) return true;
    throw error;
  }
}

/** In the admin's words, else the pattern itself. */
function toFormat(hint: string | undefined, pattern: string): string {
  return hint === undefined ? pattern.slice(0, 200) : toLine(hint, 300).replace(/\.$/, '');
}
