import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect } from '@jest/globals';
import { repositoryFolder, type Service, startService, temporaryFolder, test } from './harness.ts';

const run = promisify(execFile);
const servers = ['everything', 'filesystem', 'memory', 'time'];

describe('the four published servers of servers.example.json', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({
      args: ['--config', join(repositoryFolder, 'servers.example.json')],
      cwd: repositoryFolder,
    });
  }, 60_000);

  test('are all ready', async () => {
    const states = await service.serverStates();
    expect([...states.keys()].sort()).toEqual(servers);
    for (const [name, { state }] of states) expect(`${name} ${state}`).toBe(`${name} ready`);
  });

  test('everything adds two numbers and sends a picture', async () => {
    const sum = await service.call('everything', 'get-sum', { a: 2, b: 3 });
    expect(sum.status).toBe(200);
    expect(sum.json()).toMatch(/\b5\b/);
    const picture = await service.call('everything', 'get-tiny-image', {});
    expect(picture.status).toBe(200);
    expect(picture.text).toContain('data:image/png;base64,');
  });

  test('everything gives its structured content', async () => {
    const answer = await service.call('everything', 'get-structured-content', { location: 'Chicago' });
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ temperature: expect.any(Number), conditions: expect.any(String) });
  });

  test('filesystem reports its folder and lists it', async () => {
    const answer = await service.call('filesystem', 'list_allowed_directories');
    expect(answer.status).toBe(200);
    const folder = /(\/.*)$/m.exec(allText(answer.json()))?.[1] ?? '';
    const list = await service.call('filesystem', 'list_directory', { path: folder });
    expect(list.status).toBe(200);
    expect(allText(list.json())).toMatch(/\[FILE\]/);
  });

  test('memory answers with a graph', async () => {
    const answer = await service.call('memory', 'read_graph', {});
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ entities: expect.any(Array), relations: expect.any(Array) });
  });

  test('time fills in the default and refuses what its enum does not hold', async () => {
    const now = await service.call('time', 'current_time', {});
    expect(now.status).toBe(200);
    expect(now.json()).toMatch(/Current UTC time is \d{4}-/);
    const wrong = await service.call('time', 'current_time', { format: 'whenever' });
    expect(wrong.status).toBe(422);
  });

  for (const name of [...servers, undefined]) {
    const path = name === undefined ? '/openapi.json' : `/${name}/openapi.json`;
    test(`${path} is valid for a linter of the field and readable by a generator`, async () => {
      const answer = await service.get(path);
      expect(answer.status).toBe(200);
      const document = answer.json() as { openapi: string; paths: Record<string, unknown> };
      expect(document.openapi).toMatch(/^3\.1\./);
      expect(Object.keys(document.paths).length).toBeGreaterThan(name === undefined ? 20 : 2);
      await checkDocument(answer.text, Object.keys(document.paths));
    }, 60_000);
  }

  test('the document of all holds every tool of every document, with operation ids of its own', async () => {
    const all = (await service.get('/openapi.json')).json() as Document;
    const expected: string[] = [];
    for (const name of servers) {
      const one = (await service.get(`/${name}/openapi.json`)).json() as Document;
      expected.push(...Object.keys(one.paths).map((path) => `/${name}${path}`));
    }
    expect(Object.keys(all.paths).sort()).toEqual(expected.sort());
    const ids = Object.values(all.paths).map((item) => item.post.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);
    expect(ids).toContain('time_current_time');
  });
});

interface Document {
  readonly paths: Record<string, { post: { operationId: string } }>;
}

function allText(value: unknown): string {
  return typeof value === 'string' ? value : ((value as { content?: string }).content ?? JSON.stringify(value));
}

async function checkDocument(text: string, paths: readonly string[]): Promise<void> {
  const folder = temporaryFolder();
  const file = join(folder, 'openapi.json');
  writeFileSync(file, text);
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const tool = (name: string) => join(repositoryFolder, 'node_modules/.bin', name);
  const lint = await run(tool('redocly'), ['lint', '--extends=recommended', '--format=json', file], {
    cwd: folder,
    env,
    maxBuffer: 50_000_000,
  }).catch((error: { stdout: string }) => error);
  const report = JSON.parse(lint.stdout.slice(lint.stdout.indexOf('{'))) as {
    problems: { severity: string; message: string; ruleId: string }[];
  };
  expect(report.problems.filter(({ severity }) => severity === 'error').map(({ message }) => message)).toEqual([]);

  const types = join(folder, 'openapi.d.ts');
  await run(tool('openapi-typescript'), [file, '--output', types], { cwd: folder, env });
  const generated = readFileSync(types, 'utf8');
  for (const path of paths) expect(generated).toContain(`"${path}": {`);
}
