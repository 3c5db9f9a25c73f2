import { ConfigError } from '../errors.ts';
import { parseTemplate } from '../placeholders/parse-template.ts';
import {
  describePlaceholder,
  hasUserPlaceholder,
  literalText,
  userPlaceholders,
} from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ConfigPlace, ConfigReport } from './config-report.ts';
import type { ConfiguredSecrets } from './configured-secrets.ts';

export interface TemplateReaderOptions {
  readonly server: ConfigPlace;
  readonly environment: ReadonlyMap<string, string>;
  readonly userVariables: ReadonlySet<string>;
  readonly inputs: ReadonlySet<string>;
  readonly forwardsCallerToken: boolean;
  readonly report: ConfigReport;
  readonly secrets: ConfiguredSecrets;
}

/** Reads the strings of one server and remembers which user placeholders they name. */
export class TemplateReader {
  readonly usedVariables = new Set<string>();
  hasUserPlaceholders = false;

  constructor(private readonly options: TemplateReaderOptions) {}

  /**
   * A string that may hold user placeholders; what it takes from the environment counts as secret.
   * `undefined` if it cannot be used, which is then reported.
   */
  read(text: string, place: ConfigPlace): Template | undefined {
    const { environment, secrets } = this.options;
    const template = this.parse(text, place, {
      get(name) {
        const value = environment.get(name);
        if (value !== undefined) secrets.addVariable(name, value);
        return value;
      },
    });
    if (template === undefined) return undefined;
    for (const placeholder of userPlaceholders(template)) this.noteUse(placeholder, place);
    return template;
  }

  /** A string that must be the same for every user; `why` ends the sentence that refuses a user placeholder. */
  readLiteral(text: string, place: ConfigPlace, why: string): string | undefined {
    const template = this.parse(text, place, this.options.environment);
    if (template === undefined) return undefined;
    if (!hasUserPlaceholder(template)) return this.checkLiteral(literalText(template), place);
    for (const placeholder of userPlaceholders(template)) {
      // It is used, if wrongly: one problem is enough.
      if (placeholder.kind === 'user-variable') this.usedVariables.add(placeholder.name);
    }
    const names = userPlaceholders(template).map(describePlaceholder).join(', ');
    this.options.report.problem(place, `depends on who calls (${names}); ${why}`);
    return undefined;
  }

  private checkLiteral(text: string, place: ConfigPlace): string | undefined {
    const problem = text.trim() === '' ? 'is empty.' : text.includes('\0') ? 'holds a NUL character.' : undefined;
    if (problem !== undefined) this.options.report.problem(place, problem);
    return problem === undefined ? text : undefined;
  }

  private noteUse(placeholder: ReturnType<typeof userPlaceholders>[number], place: ConfigPlace): void {
    this.hasUserPlaceholders = true;
    if (placeholder.kind === 'user-variable') this.usedVariables.add(placeholder.name);
    if (placeholder.kind === 'user' && placeholder.field === 'token' && !this.options.forwardsCallerToken) {
      const message =
        '${user.token} passes the caller\'s own token to this server; allow it with "forwardCallerToken": true.';
      this.options.report.problem(place, message);
    }
  }

  private parse(text: string, place: ConfigPlace, environment: { get(name: string): string | undefined }) {
    const { userVariables, inputs, report } = this.options;
    try {
      return parseTemplate(text, { environment, userVariables, inputs });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) report.problem(place, `${problem.message}.`);
      return undefined;
    }
  }
}
