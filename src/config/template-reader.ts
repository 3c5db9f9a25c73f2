import { ConfigError } from '../errors.ts';
import { parseTemplate } from '../placeholders/parse-template.ts';
import {
  describePlaceholder,
  hasUserPlaceholder,
  literalText,
  userPlaceholders,
} from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ConfigPlace } from './config-report.ts';
import type { ServerContext } from './server-context.ts';
import type { ServerEntry } from './server-schema.ts';

/** Reads the strings of one server and remembers which user placeholders they name. */
export class TemplateReader {
  readonly usedVariables = new Set<string>();
  hasUserPlaceholders = false;

  constructor(
    private readonly context: ServerContext,
    private readonly userVariables: ReadonlyMap<string, unknown>,
    private readonly forwardsCallerToken: boolean,
  ) {}

  /**
   * A string that may contain user placeholders; values from the environment count as secret.
   * `undefined` if it cannot be used, which is then reported.
   */
  read(text: string, place: ConfigPlace): Template | undefined {
    const { environment, secrets } = this.context;
    const template = this.parse(text, place, {
      get(name) {
        const value = environment.get(name);
        if (value !== undefined) secrets.addVariable(name, value);
        return value;
      },
    });
    for (const placeholder of userPlaceholders(template ?? [])) {
      this.hasUserPlaceholders = true;
      if (placeholder.kind === 'user-variable') this.usedVariables.add(placeholder.name);
      if (placeholder.kind === 'user' && placeholder.field === 'token' && !this.forwardsCallerToken) {
        place.problem(
          '${user.token} passes the caller\'s own token to this server; allow it with "forwardCallerToken": true.',
        );
      }
    }
    return template;
  }

  /** A string that must be the same for every user; `why` ends the message that rejects a user placeholder. */
  readLiteral(text: string, place: ConfigPlace, why: string): string | undefined {
    const template = this.parse(text, place, this.context.environment);
    if (template === undefined) return undefined;
    if (hasUserPlaceholder(template)) {
      const placeholders = userPlaceholders(template);
      for (const one of placeholders) {
        // Counts as used, so that the variable is not reported a second time.
        if (one.kind === 'user-variable') this.usedVariables.add(one.name);
      }
      place.problem(`depends on who calls (${placeholders.map(describePlaceholder).join(', ')}); ${why}`);
      return undefined;
    }
    const literal = literalText(template);
    if (literal.trim() !== '' && !literal.includes('\0')) return literal;
    place.problem(literal.trim() === '' ? 'is empty.' : 'contains a NUL character.');
    return undefined;
  }

  private parse(text: string, place: ConfigPlace, environment: { get(name: string): string | undefined }) {
    try {
      return parseTemplate(text, { environment, userVariables: this.userVariables, inputs: this.context.inputs });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const { message } of error.problems) place.problem(message.endsWith('?') ? message : `${message}.`);
      return undefined;
    }
  }
}

/** One entry of the right shape, with its place and the reader of its strings. */
export interface EntryContext extends ServerContext {
  readonly entry: ServerEntry;
  readonly place: ConfigPlace;
  readonly templates: TemplateReader;
}
