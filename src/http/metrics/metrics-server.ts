import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Logger } from '../../telemetry/logger.ts';
import { toPathname } from '../paths.ts';
import { answerMetrics, type ReadMetrics } from './metrics-route.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 100;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/**
 * The port of the metrics alone: `GET /metrics`, without a key. On a loopback address only names of this machine are
 * answered, since a page in a browser could read it under a name of its own (DNS rebinding).
 */
export function createMetricsServer(host: string, readMetrics: ReadMetrics, logger: Logger): Server {
  const isLoopback = LOOPBACK.test(host);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (isLoopback && !isAddressOrLocalhost(request.headers.host)) return refuse(response, 403, 'Unknown Host.');
    if (toPathname(request.url ?? '/') !== '/metrics') return refuse(response, 404, 'The metrics are at /metrics.');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(response, 405, 'The metrics are read with GET.');
    }
    await answerMetrics(request, response, readMetrics);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      logger.error('the metrics could not be read', { error: error instanceof Error ? error.stack : String(error) });
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'Internal error of the service. Its log has more.');
    });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

/** No name that somebody else's name server could point here. */
function isAddressOrLocalhost(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') ?? '';
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}
