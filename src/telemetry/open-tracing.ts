import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from './logger.ts';
import type { Redactor } from './redactor.ts';
import type { Span, SpanAttributes, Tracing } from './trace.ts';
import type { TraceContext } from './trace-context.ts';

export interface TracingSettings {
  /** The whole URL. */
  readonly endpoint: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  /** Of one export, with its repetitions. */
  readonly timeoutMs: number;
  /** How long spans wait to be sent together. */
  readonly scheduleDelayMs: number;
  /** Spans that wait; further ones are dropped. */
  readonly maxQueueSize: number;
  /** Of the resource: `service.name` and further ones. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly sampler: {
    readonly kind: 'always_on' | 'always_off' | 'traceidratio';
    /** The caller decides where one names a trace. */
    readonly isParentBased: boolean;
    /** 0 to 1. */
    readonly ratio: number;
  };
}

export interface TracingOptions {
  readonly settings: TracingSettings;
  /** Of requests to the collector. */
  readonly headers: Readonly<Record<string, string>>;
  /** The service's own version and the id of this process, as attributes of the resource. */
  readonly service: { readonly version: string; readonly instanceId: string };
  readonly redactor: Pick<Redactor, 'redact'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

const MAX_NAME_CHARACTERS = 200;
const MAX_VALUE_CHARACTERS = 1_000;
const MAX_BATCH = 512;

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/** Records spans and sends them by OTLP over HTTP. Secrets are taken out of every text before it is recorded. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const { settings, service, redactor } = options;
  const { endpoint: _, attributes, scheduleDelayMs, maxQueueSize, timeoutMs } = settings;
  const exporter = watchExports(await createExporter(options), options);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.version': service.version,
        'service.instance.id': service.instanceId,
        ...attributes,
      }),
    ),
    sampler: toSampler(settings.sampler),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: scheduleDelayMs,
        maxQueueSize,
        maxExportBatchSize: Math.min(MAX_BATCH, maxQueueSize),
        exportTimeoutMillis: timeoutMs + 1_000,
      }),
    ],
  });
  const tracer = provider.getTracer('mcpo-ts', service.version);
  return {
    startSpan: (kind, name, attributes, parent) => startSpan(tracer, redactor, KINDS[kind], name, attributes, parent),
    close: () => provider.shutdown(),
  };
}

function startSpan(
  tracer: Tracer,
  redactor: Pick<Redactor, 'redact'>,
  kind: SpanKind,
  name: string,
  attributes: SpanAttributes,
  parent: TraceContext | undefined,
): Span {
  const clean = (given: SpanAttributes) =>
    Object.fromEntries(
      Object.entries(given).map(([key, value]) => [
        key,
        typeof value === 'string' ? redactor.redact(value, MAX_VALUE_CHARACTERS) : value,
      ]),
    );
  const span = tracer.startSpan(
    redactor.redact(name, MAX_NAME_CHARACTERS),
    { kind, attributes: clean(attributes) },
    parent && trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)),
  );
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  return {
    context: { traceId, spanId, isSampled: (traceFlags & 1) === 1, state: traceState?.serialize() || undefined },
    setName: (given) => void span.updateName(redactor.redact(given, MAX_NAME_CHARACTERS)),
    setAttributes: (given) => void span.setAttributes(clean(given)),
    end: (errorType) => {
      if (errorType !== undefined) {
        span.setAttribute('error.type', errorType);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

function toSpanContext({ traceId, spanId, isSampled, state }: TraceContext) {
  const traceState = state === undefined ? {} : { traceState: createTraceState(state) };
  return { traceId, spanId, traceFlags: isSampled ? 1 : 0, isRemote: true, ...traceState };
}

function toSampler({ kind, isParentBased, ratio }: TracingSettings['sampler']): Sampler {
  const samplers: Record<typeof kind, () => Sampler> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = samplers[kind]();
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

async function createExporter({ settings, headers }: TracingOptions): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    settings.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url: settings.endpoint, headers: { ...headers }, timeoutMillis: settings.timeoutMs });
}

/** Says once that the collector cannot be reached, and when it can again. */
function watchExports(exporter: SpanExporter, { settings, logger }: TracingOptions): SpanExporter {
  let isFailing = false;
  let lost = 0;
  const note = ({ code, error }: ExportResult, count: number) => {
    if (code === ExportResultCode.SUCCESS) {
      if (isFailing) logger.info('the collector takes traces again', { lost });
      isFailing = false;
      lost = 0;
      return;
    }
    lost += count;
    if (isFailing) return;
    isFailing = true;
    logger.warn('traces cannot be sent to the collector; they are dropped until it takes them', {
      endpoint: settings.endpoint,
      reason: describeFailure(error),
    });
  };
  return {
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        note(result, spans.length);
        // The processor would report failures anew each time.
        done({ code: ExportResultCode.SUCCESS });
      }),
    shutdown: () => exporter.shutdown(),
  };
}

function describeFailure(error: (Error & { readonly code?: unknown }) | undefined): string {
  const { code, message = 'no answer that can be used' } = error ?? {};
  return typeof code === 'number' ? `it answers with status ${code}` : message;
}
