import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { TracingSettings } from '../telemetry/open-tracing.ts';
import type { Environment } from './environment.ts';
import { decoded } from './secret-variables.ts';

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const;
/** Of a name or value of `OTEL_RESOURCE_ATTRIBUTES`. */
const MAX_ATTRIBUTE = 255;

/** Where traces go; `undefined` where none are recorded. Throws `ConfigError`. */
export function toTracingSettings({ values }: Pick<Environment, 'values'>): TracingSettings | undefined {
  const base = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base}/v1/traces`);
  const exporter = values.OTEL_TRACES_EXPORTER?.toLowerCase() ?? 'otlp';
  if (url === undefined || exporter === 'none' || values.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined;

  const problems: ConfigProblem[] = [];
  const refuse = (key: string, message: string) => problems.push({ key, message });
  if (exporter !== 'otlp') refuse('OTEL_TRACES_EXPORTER', 'must be otlp or none.');
  const given = values.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? values.OTEL_EXPORTER_OTLP_PROTOCOL ?? PROTOCOLS[0];
  const protocol = PROTOCOLS.find((one) => one === given.toLowerCase());
  if (protocol === undefined) {
    const hint = given === 'grpc' ? ' gRPC is not spoken; collectors take HTTP on port 4318.' : '';
    refuse('OTEL_EXPORTER_OTLP_PROTOCOL', `must be http/protobuf or http/json.${hint}`);
  }
  const [, parent, kind] = /^(parentbased_)?(.*)$/.exec(values.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on') ?? [];
  const sampler = SAMPLERS.find((one) => one === kind);
  if (sampler === undefined) {
    refuse('OTEL_TRACES_SAMPLER', `must be ${SAMPLERS.join(', ')}, or one of them with parentbased_ in front.`);
  }
  const ratio = toRatio(values.OTEL_TRACES_SAMPLER_ARG ?? '1');
  if (ratio === undefined) refuse('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1, such as 0.1.');
  const attributes = readPairs(values.OTEL_RESOURCE_ATTRIBUTES ?? '');
  const isFine = [...(attributes ?? [])].every((pair) => pair.every(({ length }) => length <= MAX_ATTRIBUTE));
  if (attributes === undefined || !isFine) {
    refuse('OTEL_RESOURCE_ATTRIBUTES', 'must be names and values such as a=1,b=2, of at most 255 characters each.');
  }
  if (protocol === undefined || sampler === undefined || ratio === undefined || problems.length > 0) {
    throw new ConfigError(problems);
  }
  const name = values.OTEL_SERVICE_NAME ?? attributes?.get('service.name') ?? 'mcpo-ts';
  return {
    endpoint: url,
    protocol,
    timeoutMs: values.OTEL_EXPORTER_OTLP_TIMEOUT ?? 10_000,
    scheduleDelayMs: values.OTEL_BSP_SCHEDULE_DELAY ?? 5_000,
    maxQueueSize: values.OTEL_BSP_MAX_QUEUE_SIZE ?? 4_096,
    attributes: { ...Object.fromEntries(attributes ?? []), 'service.name': name },
    sampler: { kind: sampler, isParentBased: parent !== undefined, ratio },
  };
}

const HEADERS = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'] as const;

/** The headers of requests to the collector, which contain credentials. Throws `ConfigError`. */
export function tracingHeaders(environment: Pick<Environment, 'values' | 'secrets'>): Readonly<Record<string, string>> {
  if (toTracingSettings(environment) === undefined) return {};
  const lists = HEADERS.map((key) => ({ key, pairs: readPairs(environment.secrets[key] ?? '') }));
  const problems = lists
    .filter(({ pairs }) => pairs === undefined || ![...pairs].every(isHeader))
    .map(({ key }) => ({ key, message: 'must be headers such as authorization=Bearer%20abc,x-tenant=tools.' }));
  if (problems.length > 0) throw new ConfigError(problems);
  const all = lists.flatMap(({ pairs }) => [...(pairs ?? [])]);
  return Object.fromEntries(all.map(([name, value]) => [name.toLowerCase(), value]));
}

function isHeader([name, value]: readonly [string, string]): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value);
}

/**
 * What of these variables must never be printed: of headers each value as it was given and as it is sent, and without its
 * scheme; the key of Sentry.
 */
export function tracingSecrets({ secrets }: Pick<Environment, 'secrets'>): readonly string[] {
  const { SENTRY_DSN: dsn = '' } = secrets;
  const headers = HEADERS.flatMap((key) => secrets[key]?.split(',') ?? []).flatMap((pair) => {
    const given = pair.slice(pair.indexOf('=') + 1).trim();
    const sent = decoded(given) ?? '';
    return [given, sent, sent.replace(/^\w+\s+/, '')];
  });
  return [...headers, dsn, ...(/^\w+:\/\/([^/@]*)@/.exec(dsn)?.[1] ?? '').split(':')];
}

/** The pairs of `a=1,b=2`, whose values are percent-encoded; `undefined` for anything else. */
function readPairs(list: string): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (const item of list.split(',').map((one) => one.trim())) {
    if (item === '') continue;
    const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(item) ?? [];
    const plain = decoded(value ?? '');
    if (name === undefined || plain === undefined) return undefined;
    pairs.set(name, plain);
  }
  return pairs;
}

function toRatio(given: string): number | undefined {
  const ratio = Number(given);
  return given !== '' && ratio >= 0 && ratio <= 1 ? ratio : undefined;
}
