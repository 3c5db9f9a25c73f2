import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { fixture, repositoryFolder, type Service, startService, test, waitFor } from './harness.ts';

const KEY = 'key-of-the-test-of-reports-2c6d';
const SENTRY_KEY = 'e1c0b7a4d2f94a5c8b3e';
const ARGUMENT = 'argument-of-a-user-77a1';
const headers = {
  authorization: `Bearer ${KEY}`,
  'x-openwebui-user-id': 'user-of-the-report',
  'x-openwebui-user-email': 'alice@example.org',
  cookie: 'session=cookie-of-the-report',
  'user-agent': 'agent-of-the-report',
};

interface SentryEvent {
  readonly level: string;
  readonly message?: string;
  readonly environment: string;
  readonly release: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly exception?: {
    readonly values: readonly { type: string; value: string; stacktrace: { frames: { filename: string }[] } }[];
  };
}

/** A Sentry project: it parses envelopes as https://develop.sentry.dev/sdk/data-model/envelopes says. */
async function startSentry() {
  const project = { events: [] as SentryEvent[], raw: [] as string[], paths: [] as string[], status: 200, dsn: '' };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    project.raw.push(text);
    project.paths.push(request.url ?? '');
    const [, itemHeader = '{}', item = '{}'] = text.split('\n');
    if ((JSON.parse(itemHeader) as { type?: string }).type === 'event')
      project.events.push(JSON.parse(item) as SentryEvent);
    response.writeHead(project.status).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  project.dsn = `http://${SENTRY_KEY}@127.0.0.1:${(server.address() as AddressInfo).port}/42`;
  servers.push(server);
  return project;
}

const servers: ReturnType<typeof createServer>[] = [];

afterAll(() => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
});

const faults = `--import=${join(repositoryFolder, 'test/fixtures/sentry-faults.mjs')}`;

const start = (dsn: string | undefined): Promise<Service> =>
  startService({
    servers: {
      answers: fixture('answers.js'),
      traced: fixture('traced.js'),
      broken: { ...fixture('dies-at-start.js'), env: { SECRET: 'value-of-a-server-19d4' } },
    },
    env: {
      MCPO_API_KEY: KEY,
      MCPO_TRUST_USER_HEADERS: 'true',
      SENTRY_ENVIRONMENT: 'test',
      CANARY: KEY,
      NODE_OPTIONS: faults,
      ...(dsn === undefined ? {} : { SENTRY_DSN: dsn }),
    },
  });

test('faults of the service are reported, without anything of the caller and without secrets', async () => {
  const sentry = await startSentry();
  const service = await start(sentry.dsn);
  const body = { text: `fault-of-the-test ${ARGUMENT}` };
  for (let count = 0; count < 3; count += 1) {
    expect((await service.call('traced', 'carried', body, headers)).status).toBe(500);
  }
  // What callers and servers do wrong is none.
  await service.call('traced', 'absent', {}, headers);
  await service.call('traced', 'refuse', { text: ARGUMENT }, headers);
  const event = await waitFor(() => sentry.events.find(({ exception }) => exception !== undefined));
  expect(event).toMatchObject({
    level: 'error',
    environment: 'test',
    release: expect.stringMatching(/^mcpo-ts@\d/),
    tags: { server: 'traced', tool: 'carried', method: 'POST', requestId: expect.any(String) },
    exception: { values: [{ type: 'TypeError', value: 'it broke at [redacted]' }] },
  });
  const frames = event.exception?.values[0]?.stacktrace.frames ?? [];
  expect(frames.length).toBeGreaterThan(1);
  expect(frames.filter(({ filename }) => !/^(app:\/\/\/[^/]+|node:.*)$/.test(filename))).toEqual([]);

  const failed = await waitFor(
    () => sentry.events.find(({ message }) => message !== undefined),
    20_000,
    'the failed server',
  );
  expect(failed).toMatchObject({ level: 'warning', tags: { server: 'broken' } });

  // A rejection that nobody handles still ends the process, and is reported first.
  service.kill('SIGWINCH');
  expect((await service.exited).code).toBe(1);
  await waitFor(() => sentry.events.length >= 3, 5_000, 'the report of the rejection');
  expect(sentry.events.map(({ exception, tags }) => exception?.values[0]?.type ?? tags.server).sort()).toEqual([
    'RangeError',
    'TypeError',
    'broken',
  ]);
  const sent = sentry.raw.map((text) => text.replaceAll(sentry.dsn, '')).join();
  const canaries = [KEY, ARGUMENT, 'value-of-a-server-19d4', 'user-of-the-report', 'alice@example.org'];
  for (const canary of [
    ...canaries,
    'cookie-of-the-report',
    'agent-of-the-report',
    repositoryFolder,
    '"request"',
    'server_name',
  ]) {
    expect(sent).not.toContain(canary);
  }
  expect(sentry.paths[0]).toMatch(/^\/api\/42\/envelope\//);
  expect(service.stderr()).not.toContain(SENTRY_KEY);
});

test('without SENTRY_DSN nothing is reported, and a project that refuses costs one warning', async () => {
  const quiet = await start(undefined);
  expect((await quiet.call('answers', 'text', { text: 'x' }, headers)).status).toBe(200);
  await quiet.stop();
  const sentry = await startSentry();
  sentry.status = 403;
  const service = await start(sentry.dsn);
  await service.call('traced', 'carried', { text: 'fault-of-the-test' }, headers);
  await waitFor(() => service.stderr().includes('errors cannot be reported to Sentry') || undefined);
  expect((await service.call('traced', 'carried', {}, headers)).status).toBe(200);
  expect((await service.stop()).code).toBe(0);
  expect(service.stderr().match(/errors cannot be reported/g)).toHaveLength(1);
  expect(service.stderr()).toContain('it answers with status 403');
});
