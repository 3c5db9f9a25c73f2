import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectionLostError, SessionOpenError } from '../../../src/errors.ts';
import { createAddressGuard } from '../../../src/mcp/address-guard.ts';
import type { Session } from '../../../src/mcp/session.ts';
import { waitFor } from '../../wait-for.ts';
import { closeAll, type HttpFixture, type HttpType, limits, open, startHttpFixture } from './open-fixture.ts';

const PRIVATE = /^its host resolves to a private address, .* set "allowPrivateAddresses" for the server/;
const LINK_LOCAL = /^its host stands for a link-local address, /;

/** Answers as told, in turn; the last answer stays. Node asks for one address or for all of them. */
function answering(...answers: readonly (readonly string[])[]) {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(hostname);
    const list = answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (all === true) callback(null, list);
    else callback(null, list[0]?.address ?? '', list[0]?.family);
  };
  return { asked, lookup };
}

function resolveAll(lookup: LookupFunction, hostname = 'a.example'): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, answer) => {
      if (error === null) resolve(answer as LookupAddress[]);
      else reject(error);
    });
  });
}

describe('a guarded lookup', () => {
  test('gives the very answer that it checked', async () => {
    const dns = answering(['1.1.1.1', '2606:4700::1']);
    const { lookup } = createAddressGuard(dns.lookup);
    expect(await resolveAll(lookup)).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
    expect(await promisify(lookup)('a.example', {})).toBe('1.1.1.1');
    expect(dns.asked).toEqual(['a.example', 'a.example']);
  });

  test('refuses an answer that became private after a public one', async () => {
    const { lookup } = createAddressGuard(answering(['1.1.1.1'], ['10.0.0.1']).lookup);
    await resolveAll(lookup);
    await expect(resolveAll(lookup)).rejects.toThrow(PRIVATE);
    await expect(promisify(lookup)('a.example', {})).rejects.toThrow(PRIVATE);
  });

  test.each([
    ['1.1.1.1', '127.0.0.1'],
    ['2606:4700::1', '::1'],
    ['::ffff:1.1.1.1', '1.1.1.1'],
  ])('refuses an answer in which any address is private: %s, %s', async (...addresses) => {
    const { lookup } = createAddressGuard(answering(addresses).lookup);
    await expect(resolveAll(lookup)).rejects.toThrow(PRIVATE);
    await expect(promisify(lookup)('a.example', {})).rejects.toThrow(PRIVATE);
  });

  test.each(['a.example', 'localhost'])('refuses a link-local answer for %s', async (hostname) => {
    const { lookup } = createAddressGuard(answering(['1.1.1.1', '169.254.169.254']).lookup);
    await expect(resolveAll(lookup, hostname)).rejects.toThrow(LINK_LOCAL);
  });

  test('lets localhost be what it is, and no name that only ends in it', async () => {
    const { lookup } = createAddressGuard(answering(['127.0.0.1']).lookup);
    expect(await resolveAll(lookup, 'localhost')).toEqual([{ address: '127.0.0.1', family: 4 }]);
    await expect(resolveAll(lookup, 'a.localhost')).rejects.toThrow(PRIVATE);
  });

  test('passes on that a name is unknown', async () => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    const { lookup } = createAddressGuard((_hostname, _options, callback) => callback(unknown, []));
    await expect(resolveAll(lookup)).rejects.toBe(unknown);
  });
});

test.each([
  ['http://127.0.0.1/', undefined],
  ['http://[::1]/', undefined],
  ['http://10.0.0.1/', undefined],
  ['http://a.example/', undefined],
  ['http://169.254.169.254/', LINK_LOCAL],
  ['http://2852039166/', LINK_LOCAL],
  ['http://0xa9.254.0251.254/', LINK_LOCAL],
  ['http://[fe80::1]/', LINK_LOCAL],
  ['http://[::ffff:169.254.169.254]/', LINK_LOCAL],
  ['http://[64:ff9b::a9fe:a9fe]/', LINK_LOCAL],
])('the host of %s is judged where it is an address', (url, refusal) => {
  const found = createAddressGuard().refusalOf(new URL(url))?.message;
  if (refusal === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(refusal);
});

describe('a session whose url holds a value of a user', () => {
  let server: HttpFixture;

  beforeEach(async () => {
    server = await startHttpFixture();
  });
  afterEach(closeAll);

  const port = () => new URL(server.origin).port;

  function openAt(host: string, rest: { lookup?: LookupFunction; isGuarded?: boolean; type?: HttpType } = {}) {
    const { lookup, isGuarded = true, type = 'streamable-http' } = rest;
    const path = type === 'sse' ? '/legacy' : '/json';
    const url = `http://${host}:${port()}${path}`;
    return open({ type, url, headers: {}, refusesPrivateAddresses: isGuarded }, { lookup });
  }

  async function requests() {
    return (await server.seen()).filter(({ path }) => path !== '/seen');
  }

  test.each(['streamable-http', 'sse', 'auto'] as const)('does not reach a private address (%s)', async (type) => {
    const { lookup } = answering(['127.0.0.1']);
    const opening = openAt('inside.example', { lookup, type });
    await expect(opening).rejects.toThrow(SessionOpenError);
    await expect(opening).rejects.toThrow(PRIVATE);
    expect(await requests()).toEqual([]);
    await expect(openAt('inside.example', { lookup, type, isGuarded: false })).resolves.toBeDefined();
  });

  test('does not reach it over a connection that another session left open either', async () => {
    const { lookup } = answering(['127.0.0.1']);
    const unguarded = await openAt('inside.example', { lookup, isGuarded: false });
    await unguarded.callTool('echo', { value: 'x' }, limits);
    const before = (await requests()).length;
    await expect(openAt('inside.example', { lookup })).rejects.toThrow(PRIVATE);
    expect(await requests()).toHaveLength(before);
  });

  test.each(['127.0.0.1', 'localhost'])('reaches the host that the admin wrote as %s', async (host) => {
    const session = await openAt(host, { lookup: answering(['127.0.0.1']).lookup });
    expect((await session.callTool('echo', { value: 'x' }, limits)).content).toHaveLength(1);
  });

  test.each(['169.254.169.254', '[fe80::1]', '[::ffff:169.254.169.254]'])('never reaches %s', async (host) => {
    await expect(openAt(host)).rejects.toThrow(LINK_LOCAL);
  });

  test('is checked at every new connection, and a call that was refused so did not run', async () => {
    const answers = { now: ['127.0.0.1'] };
    const session: Session = await openAt('localhost', {
      lookup: (hostname, options, callback) => answering(answers.now).lookup(hostname, options, callback),
    });
    await session.callTool('echo', { value: 'x' }, limits);
    answers.now = ['169.254.169.254'];
    const failure = await waitFor(async () => {
      const error = await session.callTool('reset', {}, limits).catch((caught: unknown) => caught);
      return error instanceof Error && error.message.includes('link-local') ? error : undefined;
    });
    expect(failure).toBeInstanceOf(ConnectionLostError);
    expect(failure.message).toMatch(/^Server "raw" was not asked: its host stands for a link-local address/);
    expect(failure.message).not.toContain('169.254');
    expect(failure.message).not.toContain('may have run');
  });
});
