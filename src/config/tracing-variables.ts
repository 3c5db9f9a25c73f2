import { z } from 'zod';
import { parseUrl } from '../parse-url.ts';
import { textAs, variable } from './shapes.ts';

const text = variable(z.string());
const endpoint = variable(
  textAs((value) => {
    const url = /^https?:\/\//i.test(value) ? parseUrl(value) : undefined;
    const isPlain =
      url !== undefined && [url.search, url.hash, url.username, url.password].every((part) => part === '');
    return isPlain ? value.replace(/\/+$/, '') : undefined;
  }, 'must be an http or https URL such as http://collector:4318; credentials belong into OTEL_EXPORTER_OTLP_HEADERS.'),
);
const milliseconds = variable(
  textAs((value) => (/^[1-9]\d{0,6}$/.test(value) ? Number(value) : undefined), 'must be a whole number, at least 1.'),
);

/**
 * OpenTelemetry's own variables. They are often set for all programs of a host: except for the endpoints, what cannot be used
 * is an error only where traces are sent.
 */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.describe(
    'Collector that traces are sent to, such as `http://collector:4318`; `/v1/traces` is appended. Unset: no traces are recorded.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint.describe('The same, as the whole URL.'),
  OTEL_EXPORTER_OTLP_PROTOCOL: text.meta({
    description: '`http/protobuf` or `http/json`; gRPC is not spoken.',
    default: 'http/protobuf',
  }),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text.describe('Wins over it.'),
  OTEL_EXPORTER_OTLP_TIMEOUT: milliseconds.meta({
    description: 'How long one request to the collector may take, with its repetitions, in milliseconds.',
    default: '10000',
  }),
  OTEL_SERVICE_NAME: text.meta({ description: '`service.name` of the traces.', default: 'mcpo-ts' }),
  OTEL_RESOURCE_ATTRIBUTES: text.describe(
    'Further attributes of the traces: `deployment.environment.name=prod,service.namespace=tools`.',
  ),
  OTEL_TRACES_EXPORTER: text.meta({ description: '`none` turns traces off.', default: 'otlp' }),
  OTEL_TRACES_SAMPLER: text.meta({
    description:
      '`always_on`, `always_off` or `traceidratio`; with `parentbased_` in front the caller decides where one names a trace.',
    default: 'parentbased_always_on',
  }),
  OTEL_TRACES_SAMPLER_ARG: text.meta({ description: 'Share of the traces for `traceidratio`, 0 to 1.', default: '1' }),
  OTEL_BSP_SCHEDULE_DELAY: milliseconds.meta({
    description: 'How long spans wait to be sent together, in milliseconds.',
    default: '5000',
  }),
  OTEL_BSP_MAX_QUEUE_SIZE: milliseconds.meta({
    description: 'How many spans wait at most; further ones are dropped.',
    default: '4096',
  }),
  OTEL_SDK_DISABLED: text.meta({ description: '`true` turns traces off.', default: 'false' }),
  SENTRY_ENVIRONMENT: text.meta({ description: 'Environment that error reports name.', default: 'production' }),
  SENTRY_RELEASE: text.meta({ description: 'Release that error reports name.', default: '`mcpo-ts@` and the version' }),
};
