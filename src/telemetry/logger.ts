import winston from 'winston';
import { createPaint, type Paint } from './paint.ts';
import type { Redactor } from './redactor.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** What the rooms log through: a sentence and the facts beside it. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  isDebug(): boolean;
}

/** Longer texts are cut, after secrets were taken out. */
const MAX_TEXT_CHARACTERS = 4_000;

const LEVEL_COLOURS: ReadonlyMap<string, Parameters<Paint>[0]> = new Map([
  ['error', 'red'],
  ['warn', 'yellow'],
  ['info', 'green'],
]);

/** An event, its secrets already taken out. */
type LogInfo = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: unknown };

export interface LoggerOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly format: 'json' | 'pretty';
  readonly redactor: Redactor;
  /** Of the pretty format; off by default. */
  readonly hasColours?: boolean;
  /** Defaults to standard error, so that standard output stays for what a command prints. */
  readonly stream?: NodeJS.WritableStream;
}

/** Opens the log: one line an event, every known secret taken out of it by value. */
export function createLogger(options: LoggerOptions): Logger {
  const { redactor } = options;
  const paint = createPaint(options.hasColours === true);
  const line = winston.format((info) => {
    const { level, ...facts } = info;
    // Value by value and not the finished line, whose form a user's value such as `","` must not break.
    const clean = { level, ...(redactValue(facts, redactor) as { message: unknown }) };
    const text = options.format === 'json' ? toJsonLine(clean) : toPrettyLine(clean, paint);
    (info as Record<symbol, unknown>)[Symbol.for('message')] = text;
    return info;
  });
  const logger = winston.createLogger({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: line(),
    transports: [new winston.transports.Stream({ stream: options.stream ?? process.stderr })],
  });
  return {
    error: (message, fields) => void logger.log('error', message, fields),
    warn: (message, fields) => void logger.log('warn', message, fields),
    info: (message, fields) => void logger.log('info', message, fields),
    debug: (message, fields) => void logger.log('debug', message, fields),
    isDebug: () => options.level === 'debug',
  };
}

/** The same with every known secret taken out of its texts, its names and its numbers; long texts are cut. */
function redactValue(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.redact(value, MAX_TEXT_CHARACTERS);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value);
    const clean = redactor.redact(text);
    return clean === text ? value : clean;
  }
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === 'function') return redactValue(toJSON.call(value), redactor);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redactor));
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      redactor.redact(name, MAX_TEXT_CHARACTERS),
      redactValue(one, redactor),
    ]),
  );
}

function toJsonLine(info: LogInfo): string {
  const { level, message, ...fields } = info;
  const line = JSON.stringify({ timestamp: new Date().toISOString(), level, message, ...fields });
  return STEERING.test(line) ? line.replace(CONTROL, toEscape) : line;
}

/** JSON escapes the control characters below U+0020 itself; these break lines or steer terminals too. */
const STEERING = /[\u007f-\u009f\u2028\u2029]/;

function toPrettyLine(info: LogInfo, paint: Paint): string {
  const { level, message, ...fields } = info;
  const time = new Date().toISOString().slice(11, 19);
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? quoteIfNeeded(value) : JSON.stringify(value)}`);
  const colour = LEVEL_COLOURS.get(level) ?? 'dim';
  const label = paint(colour, level.toUpperCase().padEnd(5));
  const details = facts.length === 0 ? [] : [paint('dim', facts.join(' '))];
  return [paint('dim', time), label, toOneLine(String(message)), ...details].join(' ');
}

function quoteIfNeeded(value: string): string {
  return /^[\w.:/@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Log injection: what a server or a caller says must not begin a line of its own. */
function toOneLine(text: string): string {
  return text.replace(CONTROL, toEscape);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
