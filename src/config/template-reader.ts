import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../errors.ts';
import { parseTemplate, type ReferenceReading } from '../placeholders/parse-template.ts';
import {
  describePlaceholder,
  hasUserPlaceholder,
  literalText,
  userPlaceholders,
} from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { ConfigPlace } from './config-report.ts';
import type { UnresolvedReference } from './server-config.ts';
import type { ServerContext } from './server-context.ts';
import type { ServerEntry } from './server-schema.ts';
import { readTextFile } from './text-file.ts';

/** Of `${file:…}`: a secret is short, and a larger file is a mistake. */
const MAX_FILE_BYTES = 64 * 1024;

/** Reads the strings of one server and remembers which user placeholders they name. */
export class TemplateReader {
  readonly usedVariables = new Set<string>();
  /** References of the server that have no value yet. */
  readonly unresolved: UnresolvedReference[] = [];
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
    const before = this.unresolved.length;
    const literal = this.literal(text, place, why, this.userVariables);
    // Without its value nothing can be said of it.
    if (this.unresolved.length > before) return undefined;
    if (literal?.trim() !== '') return literal;
    place.problem('is empty.');
    return undefined;
  }

  /**
   * A value of `discovery`, perhaps empty. `${NAME}` is the environment's here even if a user variable has the same name,
   * since no user is there to have a value.
   */
  readDiscovery(text: string, place: ConfigPlace): string | undefined {
    const why = 'it is the value with which the service itself lists the tools.';
    const literal = this.literal(text, place, why, new Map());
    return literal?.trim() === '' ? '' : literal;
  }

  private literal(
    text: string,
    place: ConfigPlace,
    why: string,
    userVariables: ReadonlyMap<string, unknown>,
  ): string | undefined {
    const template = this.parse(text, place, this.context.environment, userVariables);
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
    if (!literal.includes('\0')) return literal;
    place.problem('contains a NUL character.');
    return undefined;
  }

  /** Without the line break at its end. What files hold counts as secret. */
  private readFile(path: string): string {
    const { folder, secrets, onRead } = this.context;
    const file = resolve(folder, path);
    onRead?.(file, 'secret');
    const problem = fileProblem(file);
    if (problem !== undefined) throw new Error(problem);
    const text = readTextFile(file).replace(/\r?\n$/, '');
    secrets.addVariable('', text);
    return text;
  }

  /** What the sources of secrets give counts as secret. */
  private lookUpReference(reference: string, place: ConfigPlace): ReferenceReading {
    const { lookUpReference, secrets } = this.context;
    const reading = lookUpReference?.(reference) ?? { kind: 'problem', message: 'cannot be read here' };
    if (reading.kind === 'value') secrets.addVariable('', reading.text);
    if (reading.kind === 'unresolved') {
      this.unresolved.push({ reference, reason: reading.reason });
      place.warning(`\${${reference}} cannot be read: ${reading.reason}. The server waits for it.`);
    }
    return reading;
  }

  private parse(
    text: string,
    place: ConfigPlace,
    environment: { get(name: string): string | undefined },
    userVariables = this.userVariables,
  ) {
    try {
      const { inputs } = this.context;
      const readFile = (path: string) => this.readFile(path);
      const lookUpReference = (reference: string) => this.lookUpReference(reference, place);
      return parseTemplate(text, { environment, readFile, lookUpReference, userVariables, inputs });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const { message } of error.problems) place.problem(message.endsWith('?') ? message : `${message}.`);
      return undefined;
    }
  }
}

/** Why a file cannot be a secret, beside what reading it shows. */
function fileProblem(file: string): string | undefined {
  try {
    const facts = statSync(file);
    if (facts.isDirectory()) return undefined;
    if (!facts.isFile()) return 'is not a regular file';
    return facts.size > MAX_FILE_BYTES ? `is larger than ${MAX_FILE_BYTES / 1024} kB` : undefined;
  } catch {
    return undefined;
  }
}

/** One entry of the right shape, with its place and the reader of its strings. */
export interface EntryContext extends ServerContext {
  readonly entry: ServerEntry;
  readonly place: ConfigPlace;
  readonly templates: TemplateReader;
}
