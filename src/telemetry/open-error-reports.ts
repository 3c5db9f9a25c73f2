import { type BaseTransportOptions, createStackParser, createTransport, type Event, Scope } from '@sentry/core';
import { nodeStackLineParser, ServerRuntimeClient } from '@sentry/core/server';
import type { ErrorReports } from './error-reports.ts';
import type { Logger } from './logger.ts';
import type { Redactor } from './redactor.ts';

export interface ErrorReportOptions {
  /** Where reports go, with the project's key. */
  readonly dsn: string;
  readonly environment: string;
  readonly release: string;
  readonly redactor: Pick<Redactor, 'redact'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** The same fault is reported again after so long. */
const REPEAT_MS = 60_000;
/** Causes that are remembered. */
const MAX_CAUSES = 500;
/** Reports on their way at once; further ones are dropped. */
const MAX_PENDING = 16;
const SEND_TIMEOUT_MS = 5_000;
const CLOSE_MS = 2_000;
const MAX_TEXT_CHARACTERS = 1_000;
const MAX_FRAMES = 50;

const parseStack = createStackParser(nodeStackLineParser());

/**
 * Sends faults of the service and failures of servers to Sentry. An event is made of the fields below and of nothing else:
 * no request, user, address, host name, variable or breadcrumb, and secrets are taken out of every text.
 */
export function openErrorReports({ dsn, environment, release, redactor, logger }: ErrorReportOptions): ErrorReports {
  const causes = new Map<string, number>();
  let hasWarned = false;
  const warn = (reason: string) => {
    if (!hasWarned) logger.warn('errors cannot be reported to Sentry', { reason });
    hasWarned = true;
  };
  const client = new ServerRuntimeClient({
    dsn,
    integrations: [],
    stackParser: parseStack,
    sendClientReports: false,
    beforeSend: (event) => redactStrings(onlyKnown(event), redactor) as typeof event,
    transport: (options: BaseTransportOptions) =>
      createTransport({ ...options, bufferSize: MAX_PENDING }, async ({ body }) => {
        try {
          const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
          const { status, headers } = await fetch(options.url, { method: 'POST', body: body as string, signal });
          if (status >= 400 && status !== 429) warn(`it answers with status ${status}`);
          const limits = {
            'x-sentry-rate-limits': headers.get('x-sentry-rate-limits'),
            'retry-after': headers.get('retry-after'),
          };
          return { statusCode: status, headers: limits };
        } catch (error) {
          warn(
            error instanceof Error
              ? String((error.cause as { code?: unknown } | undefined)?.code ?? error.message)
              : '',
          );
          throw error;
        }
      }),
  });
  client.init();

  function send(cause: string, repeatMs: number, event: Event): void {
    const now = performance.now();
    const last = causes.get(cause);
    if (last !== undefined && now - last < repeatMs) return;
    if (causes.size >= MAX_CAUSES) causes.clear();
    causes.set(cause, now);
    client.captureEvent({ platform: 'node', environment, release, ...event }, {}, new Scope());
  }

  return {
    fault: (error, { traceId, ...tags }) => {
      const { name = 'Error', message = String(error), stack = '' } = error instanceof Error ? error : {};
      const frames = parseStack(stack).slice(-MAX_FRAMES).map(toFrame);
      const last = frames.at(-1);
      send(`${name} ${message} ${last?.filename}:${last?.lineno}`, REPEAT_MS, {
        level: 'error',
        exception: { values: [{ type: name, value: message, stacktrace: { frames } }] },
        tags: traceId === undefined ? tags : { ...tags, trace_id: traceId },
      });
    },
    serverFailed: (server, reason) =>
      send(`${server} ${reason}`, Number.POSITIVE_INFINITY, {
        level: 'warning',
        message: `Server "${server}" failed: ${reason}`,
        tags: { server },
        fingerprint: ['server-failed', server, reason],
      }),
    close: async () => {
      await client.close(CLOSE_MS);
    },
  };
}

/** Without the folder that the service is installed in. */
function toFrame({ filename = '', function: name, lineno, colno, in_app }: ReturnType<typeof parseStack>[number]) {
  const file = filename.startsWith('node:') ? filename : `app:///${filename.replace(/^.*[\\/]/, '')}`;
  return {
    filename: file,
    ...(name && { function: name }),
    ...(lineno && { lineno }),
    ...(colno && { colno }),
    ...(in_app !== undefined && { in_app }),
  };
}

/** The client adds what it finds; only this leaves. */
function onlyKnown({
  event_id,
  timestamp,
  level,
  platform,
  environment,
  release,
  exception,
  message,
  tags,
  fingerprint,
}: Event) {
  return { event_id, timestamp, level, platform, environment, release, exception, message, tags, fingerprint };
}

function redactStrings(value: unknown, redactor: Pick<Redactor, 'redact'>): unknown {
  if (typeof value === 'string') return redactor.redact(value, MAX_TEXT_CHARACTERS);
  if (Array.isArray(value)) return value.map((one) => redactStrings(one, redactor));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) => (one === undefined ? [] : [[name, redactStrings(one, redactor)]])),
  );
}
