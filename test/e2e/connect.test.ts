import { describe, expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test } from './harness.ts';
import { visitByLink } from './vault-visit.ts';

const key = 'key-of-the-connect-test';

/** A process for each user, whose tools nobody knows before one is open. */
const jira = {
  ...fixture('whoami.js'),
  title: 'Jira Cloud',
  env: { TOKEN: '${TOKEN}' },
  userVars: { TOKEN: { title: 'API token' } },
};

function start(mcpServers: object, env: Readonly<Record<string, string>> = {}): Promise<Service> {
  return startService({
    config: { mcpServers },
    args: ['--api-key', key],
    env: { MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: temporaryFolder(), ...env },
  });
}

const as = (user: string) => ({ authorization: `Bearer ${key}`, 'x-openwebui-user-id': user });

interface Document {
  readonly info: { readonly title: string; readonly description: string };
  readonly paths: Readonly<Record<string, { post: { operationId: string; summary: string; description: string } }>>;
}

async function documentOf(service: Service, path = '/jira'): Promise<Document> {
  return (await service.get(`${path}/openapi.json`)).json() as Document;
}

describe('a server that nobody has opened yet', () => {
  test('has one operation, which leads a user to its tools', async () => {
    const service = await start({ jira, 'google-calendar': { ...jira, title: undefined } });
    const before = await documentOf(service);
    expect(before.info.title).toBe('Jira Cloud');
    expect(before.info.description).toContain('The tools of Jira Cloud are not known yet');
    expect(before.info.description).toContain('jira_connect, signs a user in');
    expect(Object.keys(before.paths)).toEqual(['/jira_connect']);
    expect(before.paths['/jira_connect']?.post).toMatchObject({
      operationId: 'jira_connect',
      summary: 'Sign in to Jira Cloud',
      description: expect.stringContaining('Sign in to Jira Cloud: call this when the user wants Jira Cloud.'),
    });
    const all = await documentOf(service, '');
    expect(all.paths['/jira/jira_connect']?.post.operationId).toBe('jira_connect');
    expect(all.paths['/google-calendar/google-calendar_connect']?.post.summary).toBe('Sign in to Google Calendar');

    const refused = await service.call('jira', 'jira_connect', {}, as('ann'));
    expect(refused.status).toBe(428);
    const { detail } = refused.json() as { detail: { message: string; code: string; setup_url: string } };
    expect(detail.message).toBe(`Jira Cloud needs your API token: open ${detail.setup_url} to set it, then try again.`);
    expect(detail.code).toBe('user_variables_missing');
    const ask: Parameters<typeof visitByLink>[0] = (method, path, options) => service.request(method, path, options);
    const ann = await visitByLink(ask, service.url, detail.setup_url);
    expect((await ann.post('/vault/servers/jira', { 'value.TOKEN': 'of ann', action: 'save' })).status).toBe(303);

    const connected = await service.call('jira', 'jira_connect', {}, as('ann'));
    expect(connected.status).toBe(200);
    const answer = connected.json() as { message: string; tools: { name: string }[] };
    expect(answer.tools.map(({ name }) => name)).toContain('whoami');
    expect(answer.message).toContain('save the connection in Open WebUI again');
    const after = await documentOf(service);
    expect(Object.keys(after.paths)).toContain('/whoami');
    expect(after.info.description).not.toContain('not known yet');
    // Open WebUI goes on calling what it has read, until the connection is saved again.
    expect((await service.call('jira', 'jira_connect', {}, as('ann'))).status).toBe(200);
  });

  test('is one with an empty "discovery", and one with values lists its tools at once', async () => {
    const discovery = { TOKEN: '${JIRA_DISCOVERY_TOKEN:-}' };
    const empty = await start({ jira: { ...jira, discovery } });
    expect(Object.keys((await documentOf(empty)).paths)).toEqual(['/jira_connect']);
    const given = await start({ jira: { ...jira, discovery } }, { JIRA_DISCOVERY_TOKEN: 'of-the-admin' });
    expect(Object.keys((await documentOf(given)).paths)).toContain('/whoami');
  });
});
