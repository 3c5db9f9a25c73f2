import { describe, expect, test } from '@jest/globals';
import { hostProblem, toHostCheck } from '../../../src/rules/host-rule.ts';

const check = toHostCheck([
  'api.example.org',
  '*.example.net',
  'localhost:8080',
  '[::1]',
  '192.0.2.7',
  'bücher.example',
]);

describe('hosts', () => {
  test.each([
    'https://api.example.org',
    'http://api.example.org:8443/x?y=https://evil.org#z',
    'HTTPS://API.Example.ORG/',
    'https://api.example.org./x',
    'https://a.example.net/a b',
    'https://a.b.example.net',
    'http://localhost:8080/x',
    'http://[::1]:3000/',
    'http://192.0.2.7/',
    'https://bücher.example/',
    'https://xn--bcher-kva.example/',
  ])('allow %s', (url) => {
    expect(check(url)).toBe(true);
  });

  test.each([
    '',
    'api.example.org',
    '//api.example.org/',
    'https:api.example.org',
    'https:/api.example.org',
    'https:///api.example.org',
    ' https://api.example.org',
    'https://api.example.org\n.evil.org',
    'https://api.example.org\t@evil.org',
    'https://evil.org',
    'https://example.net',
    'https://evilexample.net',
    'https://api.example.org.evil.org',
    'https://api.example.org@evil.org',
    'https://user:pass@api.example.org',
    'https://evil.org\\@api.example.org',
    'https://evil.org\\.example.net',
    'https://api.example.org\\@evil.org',
    'https://api.example.org?@evil.org',
    'https://api.example.org#@evil.org/',
    'https://evil.org#.example.net',
    'https://evil.org/.example.net',
    'https://api%2eexample.org',
    'https://ａpi.example.org',
    'https://api。example.org',
    'https://api.exam\u00adple.org',
    'https://api.example.org..',
    'https://buecher.example',
    'http://localhost',
    'http://localhost:80',
    'http://3221225991/',
    'http://0xC0000207/',
    'http://192.0.519/',
    'http://0300.0.2.7/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:192.0.2.7]/',
    'http://[::1%25lo]/',
    'ftp://api.example.org',
    'file://api.example.org/x',
    'javascript://api.example.org/%0aalert(1)',
    'data:text/html,https://api.example.org',
    'view-source:https://api.example.org',
    'https://api.example.org:x',
    'https://api.example.org:99999',
    'https://api.example.org\ud800/',
  ])('refuse %j', (url) => {
    expect(check(url)).toBe(false);
  });

  test('of two encodings of one name, neither is taken', () => {
    expect(toHostCheck(['fass.example'])('https://faß.example')).toBe(false);
    expect(hostProblem('faß.example')).toBeDefined();
  });

  test('with a star alone every host is allowed, and nothing else', () => {
    expect(toHostCheck(['*'])('https://anything.example')).toBe(true);
    expect(toHostCheck(['*'])('file:///etc/passwd')).toBe(false);
    expect(toHostCheck([])('https://anything.example')).toBe(false);
  });

  test.each(['::1', 'a:443', '*.org', '*.a:8080', '10.0.0.1'])('may name %s', (entry) => {
    expect(hostProblem(entry)).toBeUndefined();
  });

  test.each(['', 'https://a', 'a/b', 'a b', '*a', 'a*', '*.', '*.*', '**', 'a@b', '1.2.3', 'a:b', '0x7f.1'])(
    'may not name %j',
    (entry) => {
      expect(hostProblem(entry)).toBeDefined();
    },
  );
});
