import { describe, expect, test } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';
import { isOwnVariable } from '../../../src/config/environment-variables.ts';
import { secretNames } from '../../../src/config/secret-variables.ts';
import { toTracingSettings, tracingHeaders, tracingSecrets } from '../../../src/config/tracing.ts';
import { tracingVariables } from '../../../src/config/tracing-variables.ts';

const ENDPOINT = 'http://collector:4318';
const settingsOf = (env: Record<string, string>) => toTracingSettings(readEnvironment(env));
const on = (env: Record<string, string>) => settingsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, ...env });

describe('traces are off', () => {
  test.each([
    ['without a collector', { OTEL_SERVICE_NAME: 'tools', OTEL_TRACES_SAMPLER: 'jaeger_remote' }],
    ['with OTEL_SDK_DISABLED', { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }],
    ['with OTEL_TRACES_EXPORTER=none', { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
    ['with an empty variable', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
  ])('%s', (_, env) => {
    expect(settingsOf(env)).toBeUndefined();
    // What other programs of the host need does not keep this one from starting.
    expect(tracingHeaders(readEnvironment({ ...env, OTEL_EXPORTER_OTLP_HEADERS: '=' }))).toEqual({});
  });
});

test('the defaults are those of OpenTelemetry', () => {
  expect(on({})).toEqual({
    endpoint: 'http://collector:4318/v1/traces',
    protocol: 'http/protobuf',
    timeoutMs: 10_000,
    scheduleDelayMs: 5_000,
    maxQueueSize: 4_096,
    attributes: { 'service.name': 'mcpo-ts' },
    sampler: { kind: 'always_on', isParentBased: true, ratio: 1 },
  });
});

test('variables of traces win over those of all signals', () => {
  const settings = on({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example.org/custom',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other, team=a%2Cb,',
    OTEL_SERVICE_NAME: 'tools',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  });
  expect(settings).toMatchObject({
    endpoint: 'https://traces.example.org/custom',
    protocol: 'http/json',
    attributes: { 'service.name': 'tools', team: 'a,b' },
    sampler: { kind: 'traceidratio', isParentBased: false, ratio: 0.25 },
  });
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:password@collector:4318'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'novalue'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
  ['OTEL_BSP_SCHEDULE_DELAY', '0'],
])('%s=%s is an error that names the variable', (name, value) => {
  expect(() => on({ [name]: value })).toThrow(name);
});

test('headers are percent-decoded, and every form of their values is a secret', () => {
  const environment = readEnvironment({
    OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20one%3Dtoken, x-tenant=tools',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-tenant=traces',
  });
  expect(tracingHeaders(environment)).toEqual({ authorization: 'Bearer one=token', 'x-tenant': 'traces' });
  expect(tracingSecrets(environment)).toEqual(
    expect.arrayContaining(['Bearer%20one%3Dtoken', 'Bearer one=token', 'one=token', 'tools', 'traces']),
  );
});

test.each(['novalue', 'a b=1', 'a=%0d%0ax: y', '=x'])('the headers %j are refused, without their values', (headers) => {
  const environment = readEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: headers });
  expect(() => tracingHeaders(environment)).toThrow(/^key "OTEL_EXPORTER_OTLP_HEADERS": must be headers/);
});

test("the variables are the service's own, and no server inherits them", () => {
  const secrets = secretNames.filter((name) => name.startsWith('OTEL_'));
  const names = [...Object.keys(tracingVariables), ...secrets, ...secrets.map((name) => `${name}_FILE`)];
  expect(names.filter((name) => !isOwnVariable(name))).toEqual([]);
  // Those of other signals and of languages are left to the servers.
  expect(isOwnVariable('OTEL_METRICS_EXPORTER')).toBe(false);
  expect(isOwnVariable('OTEL_PYTHON_DISABLED_INSTRUMENTATIONS')).toBe(false);
});
