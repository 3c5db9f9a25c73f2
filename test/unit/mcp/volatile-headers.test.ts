import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SessionOpenError, UnauthenticatedError } from '../../../src/errors.ts';
import type { Session } from '../../../src/mcp/session.ts';
import { waitFor } from '../../wait-for.ts';
import { closeAll, type HttpFixture, type HttpType, limits, open, startHttpFixture, textOf } from './open-fixture.ts';

let server: HttpFixture;

beforeEach(async () => {
  server = await startHttpFixture();
});
afterEach(closeAll);

type Headers = Record<string, string>;

function openWith(volatileHeaders: () => Headers, path = '/json', type: HttpType = 'streamable-http', headers = {}) {
  return open({ type, url: `${server.origin}${path}`, headers, volatileHeaders });
}

async function seenBySession() {
  return (await server.seen()).filter(({ path }) => path !== '/seen');
}

describe.each<{ path: string; type: HttpType; verbs: string[] }>([
  { path: '/json', type: 'streamable-http', verbs: ['POST', 'GET', 'DELETE'] },
  { path: '/events', type: 'streamable-http', verbs: ['POST', 'GET', 'DELETE'] },
  { path: '/legacy', type: 'sse', verbs: ['GET', 'POST'] },
])('over $path', ({ path, type, verbs }) => {
  test('headers that change are asked for at every exchange and win over all others', async () => {
    let asked = 0;
    const next = () => ({ Authorization: `Bearer ${++asked}`, 'Accept-Encoding': 'gzip' });
    const session = await openWith(next, path, type, { authorization: 'static', 'x-static': 'kept' });
    const call = { ...limits, headers: { authorization: 'of the call' } };
    await session.callTool('echo', { value: 'x' }, call);
    await session.close();
    const seen = await waitFor(async () => {
      const all = await seenBySession();
      return verbs.every((verb) => all.some((one) => one.verb === verb)) ? all : undefined;
    });
    const values = seen.map(({ headers }) => headers.authorization);
    expect(values).toHaveLength(asked);
    expect(new Set(values)).toEqual(new Set(Array.from({ length: asked }, (_, index) => `Bearer ${index + 1}`)));
    for (const { headers } of seen) {
      expect(headers).toMatchObject({ 'x-static': 'kept', 'accept-encoding': 'identity' });
    }
  });

  test('a failure to make them fails the opening with it', async () => {
    const failure = new UnauthenticatedError('No token is known.', 'Bearer');
    const opening = openWith(
      () => {
        throw failure;
      },
      path,
      type,
    );
    await expect(opening).rejects.toBe(failure);
    expect(await seenBySession()).toEqual([]);
  });

  test('a failure to make them fails that call with it, and no other', async () => {
    const failure = new UnauthenticatedError('No token is known.', 'Bearer');
    let isFailing = false;
    const session = await openWith(
      () => {
        if (isFailing) throw failure;
        return { 'x-token': 't' };
      },
      path,
      type,
    );
    isFailing = true;
    await expect(session.callTool('echo', { value: 'not sent' }, limits)).rejects.toBe(failure);
    isFailing = false;
    expect(textOf(await session.callTool('echo', { value: 'sent' }, limits))).toBe('sent');
    const calls = (await seenBySession()).filter(({ method }) => method === 'tools/call');
    expect(calls.map(({ params }) => params?.arguments)).toEqual([{ value: 'sent' }]);
  });
});

describe('a stream that is resumed', () => {
  const isResumption = ({ verb, headers }: { verb: string; headers: Headers }) =>
    verb === 'GET' && headers['last-event-id'] !== undefined;

  test('is asked for with headers made anew', async () => {
    let asked = 0;
    const session: Session = await openWith(() => ({ 'x-token': String(++asked) }), '/events');
    const before = asked;
    expect(textOf(await session.callTool('resume', {}, limits))).toBe('resumed');
    const resumption = (await seenBySession()).find(isResumption);
    expect(Number(resumption?.headers['x-token'])).toBeGreaterThan(before + 1);
  });

  test('and whose headers cannot be made fails the call with that', async () => {
    const failure = new UnauthenticatedError('No token is known.', 'Bearer');
    let left = Number.POSITIVE_INFINITY;
    const session = await openWith(() => {
      left -= 1;
      if (left < 0) throw failure;
      return {};
    }, '/events');
    left = 1;
    await expect(session.callTool('resume', {}, limits)).rejects.toBe(failure);
    expect((await seenBySession()).some(isResumption)).toBe(false);
  });
});

test('a changing header that holds a line break is refused without its value', async () => {
  const failure = await openWith(() => ({ 'X-Key': 's3cret\r\nX-Other: y' })).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SessionOpenError);
  expect((failure as Error).message).toBe('one of its headers holds a line break or another control character');
});

describe('another origin gets no request, and so no header,', () => {
  test.each<{ path: string; type: HttpType; message: string }>([
    {
      path: '/moved-away',
      type: 'streamable-http',
      message: 'it redirects elsewhere (HTTP 307), which is not followed',
    },
    { path: '/moved-away', type: 'sse', message: 'it redirects elsewhere (HTTP 307), which is not followed' },
    { path: '/legacy', type: 'sse', message: 'the MCP handshake failed' },
  ])('that $path names over $type', async ({ path, type, message }) => {
    const other = await startHttpFixture();
    const to = path === '/legacy' ? other.origin : `${other.origin}/json`;
    const opening = open({
      type,
      url: `${server.origin}${path}?to=${encodeURIComponent(to)}`,
      headers: { authorization: 'Bearer s3cret' },
      volatileHeaders: () => ({ 'x-token': 's3cret' }),
    });
    await expect(opening).rejects.toThrow(message);
    expect((await seenBySession()).map(({ headers }) => headers['x-token'])).toContain('s3cret');
    expect((await other.seen()).filter(({ path: asked }) => asked !== '/seen')).toEqual([]);
  });
});
