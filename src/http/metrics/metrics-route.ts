import type { IncomingMessage, ServerResponse } from 'node:http';
import { requireScope } from '../../auth/authorize.ts';
import type { MetricsFormat } from '../../telemetry/metrics/render.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import { type PathSettings, toPagePaths } from '../paths.ts';
import type { RequestFacts } from '../request-facts.ts';

/** All metrics of this moment as text, with its media type. */
export type ReadMetrics = (format: MetricsFormat) => Promise<{ readonly contentType: string; readonly body: string }>;

/** Whether the metrics are read at this path. */
export function isMetricsPath(pathname: string, settings: Pick<PathSettings, 'pathPrefix'>): boolean {
  return toPagePaths(pathname, settings).includes('metrics');
}

/**
 * `GET /metrics` on the port of the tools: for callers with the scope `metrics`, or for all who may call where there is no
 * authentication. A scrape is not an event of the audit log; one that is refused is.
 */
export function createMetricsRoute(identity: IdentifyDependencies, readMetrics: ReadMetrics) {
  return async (request: IncomingMessage, response: ServerResponse, facts: RequestFacts): Promise<void> => {
    const { clientAddress: address } = facts;
    facts.principal = await identify(request, response, { address, accepted: 'bearer-or-basic' }, identity);
    if (!facts.principal.scopes.allows('admin')) requireScope(facts.principal, 'metrics');
    await answerMetrics(request, response, readMetrics);
  };
}

export async function answerMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  readMetrics: ReadMetrics,
): Promise<void> {
  const { contentType, body } = await readMetrics(formatOf(request.headers.accept));
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** OpenMetrics 1.0.0 for those who accept it, as Prometheus does, unless they prefer the older text. */
function formatOf(accept = ''): MetricsFormat {
  const weights = accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const given = parameters.find((parameter) => parameter.startsWith('q='))?.slice('q='.length);
    const isReadable = parameters.every(
      (one) => !one.startsWith('version=') || /^version=(1\.0\.0|0\.0\.[14])$/.test(one),
    );
    return { type, weight: isReadable ? Number(given ?? 1) : 0 };
  });
  const weightOf = (type: string) =>
    Math.max(0, ...weights.filter((one) => one.type === type).map((one) => one.weight));
  const openMetrics = weightOf('application/openmetrics-text');
  return openMetrics > 0 && openMetrics >= weightOf('text/plain') ? 'openmetrics' : 'prometheus';
}
