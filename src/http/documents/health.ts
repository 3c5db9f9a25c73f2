import type { RequestHandler } from 'express';
import type { LimitsStatus } from '../../rate-limit/open-limits.ts';
import { publishedTools } from '../../servers/catalogue.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { toShownRejectedTools } from '../pages/shown-server.ts';

export interface ReadinessDependencies {
  /** A random name of this process, by which `mcpo-ts health` and `mcpo-ts doctor` know whose answer they got. */
  readonly instance: string;
  readonly registry: ServerRegistry;
  readonly limits: () => LimitsStatus;
  readonly isLeaving: () => boolean;
}

/**
 * `GET /readyz`: 200 when every `required` server is ready and the service is not ending, else 503; always each
 * server's state with its reason, and where limits are counted: without its Redis the service goes on.
 */
export function readinessHandler({ instance, registry, limits, isLeaving }: ReadinessDependencies): RequestHandler {
  return (_request, response) => {
    const isReady = registry.isReady && !isLeaving();
    response.status(isReady ? 200 : 503);
    if (!isReady) response.setHeader('Retry-After', '5');
    response.setHeader('Cache-Control', 'no-store');
    response.json({
      status: isLeaving() ? 'draining' : isReady ? 'ready' : 'not ready',
      instance,
      limits: limits(),
      servers: Object.fromEntries(
        registry.list().map(({ name, status, config, catalogue }) => {
          const rejected = catalogue?.rejected ?? [];
          // JSON leaves out what is undefined.
          const facts = {
            state: status.state,
            reason: status.reason,
            required: config.required,
            tools: publishedTools(catalogue).length,
            rejected_tools: rejected.length === 0 ? undefined : toShownRejectedTools(rejected),
          };
          return [name, facts];
        }),
      ),
    });
  };
}
