import express, { type Router } from 'express';
import type { ToolChange } from '../../../config/edits/servers-file-edits.ts';
import { NotFoundError } from '../../../errors.ts';
import type { ToolDefinition } from '../../../mcp/session.ts';
import type { Notice } from '../../pages/notice.ts';
import type { PageVisit } from '../../pages/page-visit.ts';
import type { PageSession } from '../../vault/page-access.ts';
import { toCaller } from '../../vault/vault-caller.ts';
import type { AdminGuard } from '../admin-guard.ts';
import type { AdminServer } from '../admin-view.ts';
import type { EditDependencies } from './add-server.ts';
import { recordEdit } from './edit-audit.ts';

const MAX_TOOLS = 500;

interface Shown {
  readonly status?: number;
  readonly notice?: Notice;
  /** What was typed into a form that failed. */
  readonly changes?: readonly ToolChange[];
}

/** The page with the switches, names and descriptions of a server's tools, which writes them to the servers file. */
export function createEditToolsPages(guard: AdminGuard, { edits, registry, audit }: EditDependencies): Router {
  const router = express.Router();
  router.get('/admin/tools/:server', guard.page(show));
  router.post('/admin/tools/:server', guard.page(save));
  return router;

  async function save(visit: PageVisit, session: PageSession): Promise<void> {
    const form = await visit.readOwnForm(session);
    const { name: server } = find(visit);
    const changes = readChanges(form);
    try {
      audit.assertAvailable();
      const difference = await edits.saveTools(server, changes, form.get('version') ?? '');
      const { request, response } = visit;
      const actor = { id: toCaller(session).id, request, response };
      if (difference.length > 0) recordEdit(audit, actor, 'edit_tools', server, difference);
    } catch (error) {
      return show(visit, session, { ...visit.fail(error), changes });
    }
    const { lastReload } = registry;
    if (lastReload?.kind !== 'refused') return visit.redirect('admin', { done: 'tools-saved', server });
    const text = `The servers file was written, but it could not be loaded, and the previous configuration stays in use: ${lastReload.problems.join(' ')}`;
    await show(visit, session, { status: 422, notice: { kind: 'problem', text }, changes });
  }

  async function show(visit: PageVisit, session: PageSession, { status = 200, notice, changes }: Shown = {}) {
    const server = find(visit);
    const { version, isEnabled, overrideOf } = edits.toolSettings(server.name);
    const typed = new Map(changes?.map((change) => [change.name, change]));
    const tools = server.tools.offered.slice(0, MAX_TOOLS).map((tool) => {
      const composed = tool.name.normalize('NFC');
      const change = typed.get(tool.name);
      return {
        ...toShown(tool),
        isEnabled: change?.isEnabled ?? isEnabled(composed),
        override: change?.override ?? overrideOf(composed),
      };
    });
    visit.show(status, 'admin/edits/edit-tools', {
      ...visit.account(session),
      title: `Tools of ${server.name}`,
      notice,
      server: server.name,
      tools,
      hasMore: server.tools.offered.length > MAX_TOOLS,
      version,
      formUrl: visit.to(`admin/tools/${encodeURIComponent(server.name)}`),
      adminUrl: visit.to('admin'),
    });
  }

  function find({ request }: PageVisit): AdminServer {
    const server = registry.servers.get(String(request.params.server));
    if (server === undefined) throw new NotFoundError('There is no such server.');
    return server;
  }
}

function toShown({ name, title, description }: ToolDefinition) {
  return { name, title, description };
}

/** The tools of the form, in its order: `tool.0`, `on.0`, `name.0`, `description.0`, `hidden.0`, `tool.1` … */
function readChanges(form: URLSearchParams): readonly ToolChange[] {
  const changes: ToolChange[] = [];
  for (let index = 0; index < MAX_TOOLS && form.has(`tool.${index}`); index++) {
    const name = form.get(`tool.${index}`) ?? '';
    const given = form.get(`name.${index}`)?.trim();
    const description = form.get(`description.${index}`)?.replaceAll('\r\n', '\n').trim();
    const override = {
      name: given === name ? undefined : given || undefined,
      // "" is a description too: none, in place of the server's.
      description: description || (form.get(`none.${index}`) === 'yes' ? '' : undefined),
      hidden: form.get(`hidden.${index}`) === 'yes',
    };
    changes.push({ name, isEnabled: form.get(`on.${index}`) === 'yes', override });
  }
  return changes;
}
