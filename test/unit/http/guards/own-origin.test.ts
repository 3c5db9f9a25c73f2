import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { TRUST_NONE } from '../../../../src/config/trust-proxy.ts';
import { ForbiddenError } from '../../../../src/errors.ts';
import { assertOwnOrigin, createOwnHosts } from '../../../../src/http/guards/own-hosts.ts';
import { createClientAddress } from '../../../../src/http/guards/trusted-proxies.ts';

const client = createClientAddress(TRUST_NONE);

function isOwn(
  headers: Record<string, string>,
  { publicUrl, https }: { publicUrl?: string; https?: boolean },
): boolean {
  const request = { headers, socket: https ? { encrypted: true } : {} } as unknown as IncomingMessage;
  try {
    const settings = { host: '0.0.0.0', publicUrl, allowedHosts: ['tools.example'] };
    assertOwnOrigin(request, createOwnHosts(settings, client));
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(ForbiddenError);
    return false;
  }
}

const host = 'tools.example:8000';
const publicUrl = 'https://Tools.example/mcp';

test.each([
  ['its own origin', { host, origin: 'http://tools.example:8000' }, {}, true],
  [
    'its own origin, stated twice',
    { host, origin: 'http://tools.example:8000', 'sec-fetch-site': 'same-origin' },
    {},
    true,
  ],
  ['another scheme', { host, origin: 'https://tools.example:8000' }, {}, false],
  ['another port', { host, origin: 'http://tools.example' }, {}, false],
  ['another host', { host, origin: 'http://evil.example:8000' }, {}, false],
  ['a host that begins like ours', { host, origin: 'http://tools.example:8000.evil.example' }, {}, false],
  ['no origin', { host }, {}, false],
  ['no origin, and the browser says same-origin', { host, 'sec-fetch-site': 'same-origin' }, {}, true],
  ['a hidden origin', { host, origin: 'null' }, {}, false],
  [
    'a hidden origin, and the browser says same-origin',
    { host, origin: 'null', 'sec-fetch-site': 'same-origin' },
    {},
    true,
  ],
  ['typed into the address bar', { host, 'sec-fetch-site': 'none' }, {}, false],
  ['a sibling host', { host, 'sec-fetch-site': 'same-site' }, {}, false],
  ['a contradiction', { host, origin: 'http://tools.example:8000', 'sec-fetch-site': 'cross-site' }, {}, false],
  [
    'another origin that says same-origin',
    { host, origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' },
    {},
    false,
  ],
  ['the public URL', { host: 'inside:8000', origin: 'https://tools.example' }, { publicUrl }, true],
  ['a name that is not ours', { host: 'inside:8000', origin: 'http://inside:8000' }, { publicUrl }, false],
  ['a rebound name', { host: 'evil.example:8000', origin: 'http://evil.example:8000' }, {}, false],
  ['a rebound name that hides its origin', { host: 'evil.example', 'sec-fetch-site': 'same-origin' }, {}, false],
  ['this machine', { host: 'localhost:8000', origin: 'http://localhost:8000' }, {}, true],
  ["the scheme's own port", { host: 'tools.example:443', origin: 'https://tools.example' }, { https: true }, true],
  ['no usable host', { host: 'a/b', origin: 'http://a' }, {}, false],
  ['no host and no origin', { origin: 'undefined' }, {}, false],
])('%s', (_name, headers, options, expected) => {
  expect(isOwn(headers as Record<string, string>, options)).toBe(expected);
});
