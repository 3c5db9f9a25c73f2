import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';

const key = 'key-4f1c9d2ab7e04c55';
const bearer = { authorization: `Bearer ${key}` };
const servers = { answers: fixture('answers.js'), env: fixture('env.js') };

describe('an API key', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ servers, env: { MCPO_API_KEY: key, LOG_LEVEL: 'debug' } });
  });

  test('missing → 401 that says how', async () => {
    const answer = await service.call('answers', 'text', {});
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer\b/);
    expect(answer.json()).toEqual({ detail: 'Missing or invalid Authorization header' });
  });

  for (const authorization of ['', 'Bearer', key, `Basic ${key}`, `Token ${key}`]) {
    test(`"${authorization.replace(key, 'KEY')}" is no usable header → 401`, async () => {
      const answer = await service.call('answers', 'text', {}, { authorization });
      expect(answer.status).toBe(401);
    });
  }

  for (const wrong of [`${key}x`, key.slice(0, -1), key.toUpperCase(), 'x'.repeat(5_000)]) {
    test(`wrong (${wrong.length} characters) → 403`, async () => {
      const answer = await service.call('answers', 'text', {}, { authorization: `Bearer ${wrong}` });
      expect(answer.status).toBe(403);
      expect(answer.json()).toEqual({ detail: 'Invalid API key' });
    });
  }

  test('right → 200, whatever the case of the scheme', async () => {
    expect((await service.call('answers', 'text', {}, bearer)).status).toBe(200);
    expect((await service.call('answers', 'text', {}, { authorization: `bearer ${key}` })).status).toBe(200);
  });

  test('must authenticate before it learns what exists', async () => {
    expect((await service.call('answers', 'missing', {})).status).toBe(401);
    expect((await service.call('missing', 'text', {})).status).toBe(401);
    expect((await service.call('answers', 'echo', '{"a":')).status).toBe(401);
    expect((await service.call('answers', 'missing', {}, bearer)).status).toBe(404);
  });

  test('leaves health, pages and documents open, the same bytes with and without it', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs', '/answers/openapi.json', '/answers/docs']) {
      const [without, withKey] = await Promise.all([service.get(path), service.get(path, bearer)]);
      expect([path, without.status, withKey.status]).toEqual([path, 200, 200]);
      if (path.endsWith('openapi.json')) expect(without.text).toBe(withKey.text);
    }
  });

  test('is declared in the document', async () => {
    const document = (await service.get('/answers/openapi.json')).json() as {
      components: { securitySchemes: Record<string, { type: string; scheme: string }> };
    };
    expect(Object.values(document.components.securitySchemes)).toEqual([
      expect.objectContaining({ type: 'http', scheme: 'bearer' }),
    ]);
  });

  test('reaches no server, no log and no answer', async () => {
    const answer = await service.call('env', 'environment', {}, bearer);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(key);
    expect(service.stdout() + service.stderr()).not.toContain(key);
    for (const { pid } of service.children()) expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(key);
  });
});

describe('the API key can come from', () => {
  const file = (): string => {
    const path = join(temporaryFolder(), 'key');
    writeFileSync(path, `${key}\n`);
    return path;
  };
  const rows: [string, () => { args?: string[]; env?: Record<string, string> }][] = [
    ['--api-key', () => ({ args: ['--api-key', key] })],
    ['-k', () => ({ args: ['-k', key] })],
    ['API_KEY', () => ({ env: { API_KEY: key } })],
    ['MCPO_API_KEY_FILE', () => ({ env: { MCPO_API_KEY_FILE: file() } })],
  ];
  for (const [name, options] of rows) {
    test(name, async () => {
      const service = await startService({ servers, ...options() });
      expect((await service.call('answers', 'text', {})).status).toBe(401);
      expect((await service.call('answers', 'text', {}, bearer)).status).toBe(200);
    });
  }

  test('--api-key, of which the help says that it shows in the process list', async () => {
    const help = await runCommand(['--help']);
    expect(help.stdout.replaceAll(/\s+/g, ' ')).toMatch(/--api-key[^.]*process list/);
  });
});

describe('--strict-auth', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ servers, env: { MCPO_API_KEY: key }, args: ['--strict-auth'] });
  });

  test('closes pages and documents, but not health', async () => {
    for (const path of ['/openapi.json', '/docs', '/answers/openapi.json', '/answers/docs', '/answers/redoc']) {
      expect([path, (await service.get(path)).status]).toEqual([path, 401]);
      expect([path, (await service.get(path, bearer)).status]).toEqual([path, 200]);
      expect([path, (await service.get(path, { authorization: 'Bearer x' })).status]).toEqual([path, 403]);
    }
    expect((await service.get('/healthz')).status).toBe(200);
    expect((await service.get('/readyz')).status).toBe(200);
  });

  test('lets a browser in with Basic, the key as its password', async () => {
    const challenge = (await service.get('/answers/docs')).headers['www-authenticate'];
    expect(challenge).toMatch(/\bBasic realm=/);
    const authorization = `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}`;
    expect((await service.get('/answers/docs', { authorization })).status).toBe(200);
    const wrong = `Basic ${Buffer.from('anyone:nope').toString('base64')}`;
    expect((await service.get('/answers/docs', { authorization: wrong })).status).not.toBe(200);
  });

  test('does not let Basic call tools from another page', async () => {
    const authorization = `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}`;
    const answer = await service.call('answers', 'text', {}, { authorization });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer\b/);
  });
});

/** Any 127.x address reaches a service that listens on all addresses, only 127.0.0.1 one that listens there. */
function isReachableAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.end(() => resolve(true))).on('error', () => resolve(false));
  });
}

test('with authentication the service listens on all addresses', async () => {
  const service = await startService({ servers, env: { MCPO_API_KEY: key } });
  expect(await isReachableAt('127.0.0.2', service.port)).toBe(true);
});

describe('without authentication', () => {
  test('another host than this machine is refused', async () => {
    for (const host of ['0.0.0.0', '::']) {
      const exit = await runCommand(['--port', '0', '--host', host], { servers });
      expect(exit.code).toBe(2);
      expect(exit.stderr).toContain('--allow-unauthenticated');
    }
  });

  test('the service listens on 127.0.0.1 and says so', async () => {
    const service = await startService({ servers });
    expect(service.stdout()).toMatch(/"Listening on http:\/\/127\.0\.0\.1:/m);
    expect(await isReachableAt('127.0.0.2', service.port)).toBe(false);
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });

  test('--allow-unauthenticated opens it', async () => {
    const service = await startService({ servers, args: ['--host', '0.0.0.0', '--allow-unauthenticated'] });
    expect((await service.call('answers', 'text', {})).status).toBe(200);
  });

  test('documents declare no security scheme', async () => {
    const service = await startService({ servers });
    expect((await service.get('/answers/openapi.json')).text).not.toContain('securitySchemes');
  });
});
