import { expect, test } from '@jest/globals';
import { allowedHostProblem, isAllowedHost } from '../../../src/placeholders/allowed-hosts.ts';

test.each([
  ['https://mcp.example.org/x', ['mcp.example.org'], true],
  ['http://MCP.Example.org.:8443/x', ['mcp.example.org'], true],
  ['https://a.b.example.org/', ['*.example.org'], true],
  ['https://example.org/', ['*.example.org'], false],
  ['https://badexample.org/', ['*.example.org'], false],
  ['https://example.org.evil.net/', ['example.org', '*.example.org'], false],
  ['https://example.org@evil.net/', ['example.org'], false],
  ['https://evil.net/?example.org', ['example.org'], false],
  ['https://evil.net\\.example.org/', ['*.example.org'], false],
  ['https://bücher.example/', ['xn--bcher-kva.example'], true],
  ['http://127.0.0.1:1/', ['127.0.0.1'], true],
  ['http://2130706433/', ['127.0.0.1'], true],
  ['http://127.0.0.1/', ['*.0.0.1'], false],
  ['http://[::1]:1/', ['[::1]'], true],
  ['ftp://example.org/', ['example.org'], false],
  ['file:///etc/passwd', ['example.org'], false],
  ['example.org', ['example.org'], false],
])('%s of %j: %s', (url, hosts, isAllowed) => {
  expect(isAllowedHost(url, hosts)).toBe(isAllowed);
});

test.each(['*', '*.org', 'a.*.org', 'https://example.org', 'example.org/x', 'a b', 'a@b', '', '*.*.org'])(
  'no entry of the list: %j',
  (entry) => {
    expect(allowedHostProblem(entry)).toContain('must be a host');
  },
);

test.each(['example.org', '*.example.org', 'localhost', '127.0.0.1', '[::1]', 'bücher.example'])(
  'an entry of the list: %j',
  (entry) => {
    expect(allowedHostProblem(entry)).toBeUndefined();
  },
);
