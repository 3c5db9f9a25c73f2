import express, { type Router } from 'express';
import { NotFoundError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { Done } from '../pages/notice.ts';
import type { AdminForm, AdminGuard } from './admin-guard.ts';
import type { AdminServer } from './admin-view.ts';

export interface ServerFormDependencies {
  readonly registry: { readonly servers: ReadonlyMap<string, AdminServer> };
  readonly audit: AuditTrail;
}

/** The forms of each server: restart it, and choose which list of tools all users see. */
export function createServerForms(guard: AdminGuard, { registry, audit }: ServerFormDependencies): Router {
  const router = express.Router();
  router.post('/admin/servers/:server/restart', guard.form(restart));
  router.post('/admin/servers/:server/tools', guard.form(chooseTools));
  router.get('/admin/servers/:server/:form', guard.back);
  return router;

  async function restart({ visit, actor }: AdminForm): Promise<Done> {
    const server = String(visit.request.params.server);
    const registered = registry.servers.get(server);
    if (registered === undefined) throw new NotFoundError('There is no such server.');
    await registered.generations.restart();
    audit.record(actor, { eventType: 'reload', action: 'restart', resource: server, result: 'success' });
    return { done: 'restarted', server };
  }

  async function chooseTools({ visit, form, actor }: AdminForm): Promise<Done> {
    const server = String(visit.request.params.server);
    audit.assertAvailable();
    if (registry.servers.get(server)?.tools.choose(form.get('list') ?? '') !== true) {
      throw new NotFoundError('This list of tools no longer exists. Reload the page to see the current ones.');
    }
    audit.record(actor, {
      eventType: 'tool_definition_change',
      action: 'choose',
      resource: server,
      result: 'success',
    });
    return { done: 'tools-chosen', server };
  }
}
