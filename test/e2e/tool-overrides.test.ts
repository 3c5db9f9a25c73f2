import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { pidsOf, writeServers } from './reload-steps.ts';

const entry = (tools: object) => fixture('named.js', ['read', 'delete', 'secret'], { tools });
const tools = {
  read: { name: 'look', description: 'Looks, and changes nothing.' },
  secret: { hidden: true },
  missing: { name: 'x' },
};

interface Document {
  readonly paths: Record<string, { readonly post: { readonly operationId: string; readonly description: string } }>;
}
async function documentOf(service: Service, path: string): Promise<Document> {
  return (await service.get(path)).json() as Document;
}

describe('names and descriptions that the admin gives to tools', () => {
  test('are what documents have and calls use', async () => {
    const service = await startService({ servers: { s: entry(tools) } });
    const { paths } = await documentOf(service, '/s/openapi.json');
    expect(Object.keys(paths)).toEqual(['/look', '/delete']);
    expect(paths['/look']?.post).toMatchObject({
      operationId: 's_look',
      summary: 'Look',
      description: 'Looks, and changes nothing.',
    });
    expect(Object.keys((await documentOf(service, '/openapi.json')).paths)).toEqual(['/s/look', '/s/delete']);
    expect((await service.call('s', 'look', {})).json()).toBe('I am read');
    expect((await service.call('s', 'read', {})).status).toBe(404);
    // Hidden is not disabled: whoever knows the path and may call it, can.
    expect((await service.call('s', 'secret', {})).json()).toBe('I am secret');
    expect((await service.get('/docs')).text).not.toContain('secret');
    expect(service.stderr()).toContain('\\"tools\\" names \\"missing\\", and the server has no such tool');
  });

  test('change at once with a reload, without a new session', async () => {
    const file = join(temporaryFolder(), 'servers.json');
    writeServers(file, { s: entry({}) });
    const service = await startService({ args: ['--config', file] });
    const pids = pidsOf(service, 'named.js');
    expect((await service.call('s', 'read', {})).status).toBe(200);
    writeServers(file, { s: entry(tools) });
    service.kill('SIGHUP');
    await waitFor(async () => (await service.call('s', 'look', {})).status === 200, 10_000, 'the new name');
    expect((await service.call('s', 'read', {})).status).toBe(404);
    expect(Object.keys((await documentOf(service, '/s/openapi.json')).paths)).toEqual(['/look', '/delete']);
    expect(pidsOf(service, 'named.js')).toEqual(pids);
  });

  test('check --start shows both names, and fails for a tool that does not exist', async () => {
    const { code, stdout } = await runCommand(['check', '--start'], { servers: { s: entry(tools) } });
    expect(stdout).toContain(`look (the server's read)`);
    expect(stdout).toContain('secret (hidden)');
    expect([code, stdout]).toEqual([1, expect.stringContaining('"tools" names "missing"')]);
  });
});
