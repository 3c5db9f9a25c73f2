import { PlaceholderValueError } from '../errors.ts';
import type { Placeholder, Template, TemplatePart, UserPlaceholder } from './template.ts';

/** What is known about the principal of one call. Whatever is absent is unset. */
export interface PlaceholderValues {
  readonly variables: ReadonlyMap<string, string>;
  readonly user?: { readonly [field in UserField]?: string | undefined } | undefined;
  readonly chatId?: string | undefined;
}

type UserField = Extract<UserPlaceholder, { kind: 'user' }>['field'];

// A line break would begin a new header; no environment variable or argument can hold NUL.
const forbidden = /[\r\n\0]/;

/** A part of a template with its text for one principal; `placeholder` is set where the text is a value. */
export interface ResolvedPart {
  readonly text: string;
  readonly placeholder?: Placeholder;
}

/**
 * The template's text for one principal, or `undefined` if any of its placeholders is unset: the whole header,
 * variable or argument is then left out. Values are put in as they are and never read again.
 * Throws `PlaceholderValueError` for a value with CR, LF or NUL.
 */
export function resolveTemplate(template: Template, values: PlaceholderValues): string | undefined {
  return resolveParts(template, values)
    ?.map(({ text }) => text)
    .join('');
}

/** `resolveTemplate`, part by part. */
export function resolveParts(template: Template, values: PlaceholderValues): readonly ResolvedPart[] | undefined {
  const parts: ResolvedPart[] = [];
  for (const part of template) {
    if (part.kind === 'literal') {
      parts.push({ text: part.text });
      continue;
    }
    const value = lookUp(part, values);
    if (value === undefined) return undefined;
    if (forbidden.test(value)) {
      throw new PlaceholderValueError(
        `The value of ${describePlaceholder(part)} holds a line break or NUL character; save it again without it.`,
      );
    }
    parts.push({ text: value, placeholder: part });
  }
  return parts;
}

/** Whether the text depends on who calls. */
export function hasUserPlaceholder(template: Template): boolean {
  return template.some(isPlaceholder);
}

/** The placeholders that depend on who calls, in their order in the text; those inside `${base64:…}` too. */
export function userPlaceholders(template: Template): readonly UserPlaceholder[] {
  return template
    .filter(isPlaceholder)
    .flatMap((one) => (one.kind === 'base64' ? userPlaceholders(one.template) : one));
}

/** The text of a template without user placeholders. Asking for one that has some is a fault of the program. */
export function literalText(template: Template): string {
  return template
    .map((part) => {
      if (part.kind === 'literal') return part.text;
      throw new Error(`The text is not known before ${describePlaceholder(part)} is.`);
    })
    .join('');
}

/** What the admin wrote around the placeholders. */
export function literalParts(template: Template): string {
  return template.map((part) => (part.kind === 'literal' ? part.text : '')).join('');
}

/** The texts that the admin wrote between placeholders, also inside `${base64:…}`. */
export function literalPieces(template: Template): readonly string[] {
  return template.flatMap((part) => {
    if (part.kind === 'literal') return part.text;
    return part.kind === 'base64' ? literalPieces(part.template) : [];
  });
}

/** How a placeholder is named in messages: `JIRA_TOKEN`, `user.email`, `chat.id`. */
export function describePlaceholder(placeholder: Placeholder): string {
  switch (placeholder.kind) {
    case 'base64':
      return userPlaceholders(placeholder.template).map(describePlaceholder).join(', ');
    case 'user-variable':
      return placeholder.name;
    case 'user':
      return `user.${placeholder.field}`;
    case 'chat':
      return `chat.${placeholder.field}`;
  }
}

function isPlaceholder(part: TemplatePart): part is Placeholder {
  return part.kind !== 'literal';
}

function lookUp(placeholder: Placeholder, values: PlaceholderValues): string | undefined {
  switch (placeholder.kind) {
    case 'base64': {
      const text = resolveTemplate(placeholder.template, values);
      return text === undefined ? undefined : toBase64(text);
    }
    case 'user-variable':
      return values.variables.get(placeholder.name);
    case 'user':
      return values.user?.[placeholder.field];
    case 'chat':
      return values.chatId;
  }
}

/** Of the text's UTF-8, which Basic authentication needs too (RFC 7617, section 2.1). */
export function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
