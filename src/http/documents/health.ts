import type { RequestHandler } from 'express';
import type { LimitsStatus } from '../../rate-limit/open-limits.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { shownRejectedTools } from './rejected-tools.ts';

/** `GET /healthz`: the process answers. */
export function healthHandler(): RequestHandler {
  return (_request, response) => void response.json({ status: 'ok' });
}

/**
 * `GET /readyz`: 200 when every `required` server is ready and the service is not ending, else 503; always each
 * server's state with its reason, and where limits are counted: without its Redis the service goes on.
 */
export function readinessHandler(
  registry: ServerRegistry,
  limits: () => LimitsStatus,
  isDraining: () => boolean,
): RequestHandler {
  return (_request, response) => {
    const isReady = registry.isReady && !isDraining();
    response.status(isReady ? 200 : 503);
    if (!isReady) response.setHeader('Retry-After', '5');
    response.setHeader('Cache-Control', 'no-store');
    response.json({
      status: isDraining() ? 'draining' : isReady ? 'ready' : 'not ready',
      limits: limits(),
      servers: Object.fromEntries(
        registry.list().map((server) => {
          const { state, reason } = server.status;
          const rejected = server.catalogue?.rejected ?? [];
          return [
            server.name,
            {
              state,
              ...(reason === undefined ? {} : { reason }),
              required: server.config.required,
              tools: server.catalogue?.tools.size ?? 0,
              ...(rejected.length === 0 ? {} : { rejected_tools: shownRejectedTools(rejected) }),
            },
          ];
        }),
      ),
    });
  };
}
