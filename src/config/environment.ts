import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { readTextFile } from './env-file.ts';
import { parseLogLevel } from './log-level.ts';
import type { LogLevel } from './settings.ts';

/** What the service takes from the variables of its process; the only place that reads them. */
export interface Environment {
  /** All variables, for placeholders and child processes. */
  readonly variables: ReadonlyMap<string, string>;
  readonly apiKey: string | undefined;
  /** Base of the links that the service gives out, without a slash at the end. */
  readonly publicUrl: string | undefined;
  /** Where the embedded database lies. */
  readonly dataDir: string;
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: 'json' | 'pretty' | undefined;
  /** Whether a person reads along. */
  readonly isTerminal: boolean;
  readonly platform: NodeJS.Platform;
}

// An empty variable is what `-e NAME=` of a container and an unfilled template leave behind: it counts as unset.
const optionalText = z.string().transform((value) => (value.trim() === '' ? undefined : value.trim()));

const publicUrl = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const url = /^https?:\/\//i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    context.addIssue({
      code: 'custom',
      message: 'must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".',
    });
    return z.NEVER;
  }
  return value.replace(/\/+$/, '');
});

const logLevel = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const level = parseLogLevel(value);
  if (level !== undefined) return level;
  context.addIssue({ code: 'custom', message: 'must be one of error, warn, info, debug.' });
  return z.NEVER;
});

const logFormat = optionalText.transform((value, context) => {
  const format = value?.toLowerCase();
  if (format === undefined || format === 'json' || format === 'pretty') return format;
  context.addIssue({ code: 'custom', message: 'must be json or pretty.' });
  return z.NEVER;
});

const environmentSchema = z.object({
  MCPO_API_KEY: optionalText.optional(),
  MCPO_API_KEY_FILE: optionalText.optional(),
  API_KEY: optionalText.optional(),
  MCPO_PUBLIC_URL: publicUrl.optional(),
  MCPO_DATA_DIR: optionalText.optional(),
  XDG_DATA_HOME: optionalText.optional(),
  LOG_LEVEL: logLevel.optional(),
  LOG_FORMAT: logFormat.optional(),
});

/** Reads the process's environment. Throws `ConfigError` with every variable that cannot be used. */
export function readEnvironment(env: Readonly<NodeJS.ProcessEnv> = process.env): Environment {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) variables.set(name, value);
  }

  const checked = environmentSchema.safeParse(env);
  if (!checked.success) {
    throw new ConfigError(
      checked.error.issues.map((issue) => ({ key: issue.path.map(String).join('.'), message: issue.message })),
    );
  }
  const values = checked.data;
  return {
    variables,
    apiKey: readApiKey(values),
    publicUrl: values.MCPO_PUBLIC_URL,
    dataDir: values.MCPO_DATA_DIR ?? join(values.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'mcpo-ts'),
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    isTerminal: process.stderr.isTTY === true,
    platform: process.platform,
  };
}

/** `MCPO_API_KEY` or its file; `API_KEY`, which other programs use too, only without them. */
function readApiKey(values: z.infer<typeof environmentSchema>): string | undefined {
  const file = values.MCPO_API_KEY_FILE;
  if (file === undefined) return values.MCPO_API_KEY ?? values.API_KEY;
  if (values.MCPO_API_KEY !== undefined) {
    throw new ConfigError([apiKeyFileProblem('is set beside MCPO_API_KEY; keep one of them.')]);
  }
  const key = readKeyFile(file);
  if (key === '') throw new ConfigError([apiKeyFileProblem(`the file "${file}" is empty.`)]);
  return key;
}

function readKeyFile(file: string): string {
  try {
    return readTextFile(file).trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    throw new ConfigError([apiKeyFileProblem(`the file "${file}" ${reason}.`)]);
  }
}

function apiKeyFileProblem(message: string): ConfigProblem {
  return { key: 'MCPO_API_KEY_FILE', message };
}
