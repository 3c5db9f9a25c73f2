import express, { type Router } from 'express';
import type { EditPreview, GivenServers, ServersFileEdits } from '../../../config/edits/servers-file-edits.ts';
import { EditRefusedError } from '../../../errors.ts';
import type { ServerRegistry } from '../../../servers/server-registry.ts';
import type { Vault } from '../../../vault/vault.ts';
import type { AuditTrail } from '../../audit-trail.ts';
import type { Notice } from '../../pages/notice.ts';
import type { PageVisit } from '../../pages/page-visit.ts';
import type { ConfirmLogIn } from '../../vault/confirm-log-in.ts';
import type { PageAccess, PageSession } from '../../vault/page-access.ts';
import { toCaller } from '../../vault/vault-caller.ts';
import type { AdminGuard } from '../admin-guard.ts';
import type { AdminServer } from '../admin-view.ts';
import { recordEdit } from './edit-audit.ts';
import { readFileForm } from './edit-form.ts';

/** What a form may send; all of it comes back with the form that writes. */
const FIELDS = ['kind', 'name', 'url', 'headers', 'command', 'args', 'env', 'text', 'offer'] as const;

export interface EditDependencies {
  readonly edits: ServersFileEdits;
  readonly access: Pick<PageAccess, 'assertOwnForm'>;
  readonly registry: Pick<ServerRegistry, 'lastReload'> & { readonly servers: ReadonlyMap<string, AdminServer> };
  readonly vault: Pick<Vault, 'facts'>;
  readonly audit: AuditTrail;
  readonly confirmLogIn: ConfirmLogIn;
}

interface Shown {
  readonly status?: number;
  readonly notice?: Notice;
  readonly typed?: URLSearchParams;
  readonly preview?: EditPreview;
}

/** The pages that add a server to the servers file: what is wanted, what would change, and the change itself. */
export function createAddServerPages(guard: AdminGuard, dependencies: EditDependencies): Router {
  const { edits, access, registry, vault, audit, confirmLogIn } = dependencies;
  const router = express.Router();
  router.get('/admin/add-server', guard.page(show));
  router.post('/admin/add-server', guard.page(preview));
  router.post('/admin/add-server/write', guard.page(write));
  router.get(
    '/admin/add-server/write',
    guard.page(async (visit) => visit.redirect('admin/add-server')),
  );
  return router;

  async function preview(visit: PageVisit, session: PageSession): Promise<void> {
    const typed = await readFileForm(visit, session, access);
    try {
      await show(visit, session, { typed, preview: await previewOf(toGiven(typed)) });
    } catch (error) {
      await show(visit, session, { ...visit.fail(error), typed });
    }
  }

  async function write(visit: PageVisit, session: PageSession): Promise<void> {
    const typed = await readFileForm(visit, session, access);
    const given = toGiven(typed);
    let shown: EditPreview | undefined;
    try {
      shown = await previewOf(given);
      if (shown.needsLogIn) await confirmLogIn(visit, session, typed.get('credential'));
      audit.assertAvailable();
      const difference = await edits.addServers(given, typed.get('version') ?? '');
      const { request, response } = visit;
      recordEdit(
        audit,
        { id: toCaller(session).id, request, response },
        'add_server',
        shown.names.join(', '),
        difference,
      );
    } catch (error) {
      return show(visit, session, { ...visit.fail(error), typed, ...(shown && { preview: shown }) });
    }
    const { lastReload } = registry;
    if (lastReload?.kind !== 'refused')
      return visit.redirect('admin', { done: 'server-added', server: shown.names[0] ?? '' });
    const text = `The servers file was written, but it could not be loaded, and the previous configuration stays in use: ${lastReload.problems.join(' ')}`;
    await show(visit, session, { status: 422, notice: { kind: 'problem', text }, typed });
  }

  /** Values that users once set for a server of this name must not go to another one. */
  async function previewOf(given: GivenServers): Promise<EditPreview> {
    const found = await edits.previewServers(given);
    const stored = new Set((await vault.facts()).map(({ server }) => server));
    const taken = found.names.find((name) => stored.has(name) && !registry.servers.has(name));
    if (taken === undefined) return found;
    throw new EditRefusedError(
      `Users have set values for an earlier server "${taken}", which this one would get; choose another name.`,
    );
  }

  async function show(visit: PageVisit, session: PageSession, shown: Shown = {}): Promise<void> {
    const { status = 200, notice, typed, preview: found } = shown;
    const values = Object.fromEntries(FIELDS.map((name) => [name, typed?.get(name) ?? '']));
    visit.show(status, 'admin/edits/add-server', {
      ...visit.account(session),
      title: 'Add a server',
      notice,
      mode: edits.mode,
      values,
      preview: found,
      isProvider: session.way === 'provider',
      formUrl: visit.to('admin/add-server'),
      writeUrl: visit.to('admin/add-server/write'),
      adminUrl: visit.to('admin'),
    });
  }
}

function toGiven(typed: URLSearchParams): GivenServers {
  const text = (name: (typeof FIELDS)[number]) => typed.get(name)?.trim() ?? '';
  const name = text('name');
  if (text('kind') === 'pasted') {
    const offer = /^\d{1,3}$/.test(text('offer')) ? Number(text('offer')) : undefined;
    return { kind: 'pasted', name, text: text('text'), offer };
  }
  const [url, headers, command, args, env] = [text('url'), text('headers'), text('command'), text('args'), text('env')];
  return { kind: 'typed', name, typed: { url, headers, command, args, env } };
}
