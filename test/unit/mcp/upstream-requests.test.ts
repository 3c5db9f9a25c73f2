import { expect, test } from '@jest/globals';
import { UpstreamRequests } from '../../../src/mcp/upstream-requests.ts';

const requestsTo = (url: string) =>
  new UpstreamRequests({ url: new URL(url), headers: {}, volatileHeaders: undefined, network: {} });

test.each([
  ['http://a.example/mcp', 'http://a.example/other?x=1'],
  ['http://a.example/mcp', 'https://a.example/mcp'],
  ['http://a.example:8080/mcp', 'https://a.example:8080/mcp'],
  ['https://a.example/mcp', 'https://a.example:443/'],
])('a session with %s may ask %s', (own, url) => {
  expect(() => requestsTo(own).check(new URL(url))).not.toThrow();
});

test.each([
  ['http://a.example/mcp', 'http://b.example/mcp'],
  ['http://a.example/mcp', 'http://a.example:8080/mcp'],
  ['http://a.example/mcp', 'http://a.example.evil.example/mcp'],
  ['https://a.example/mcp', 'http://a.example/mcp'],
  ['https://a.example/mcp', 'https://a.example:8443/mcp'],
  ['http://127.0.0.1/mcp', 'http://localhost/mcp'],
])('a session with %s asks nothing of %s', (own, url) => {
  const asked = requestsTo(own);
  const request = { url: new URL(url), method: 'GET', headers: {} } as const;
  expect(() => asked.start(request)).toThrow('it names another host, which is not followed');
});

test('a closed session asks nothing more', () => {
  const asked = requestsTo('http://a.example/mcp');
  asked.close();
  expect(() => asked.check(new URL('http://a.example/mcp'))).toThrow('the session was closed');
});
