import { describe, expect, test } from '@jest/globals';
import { hideArguments, hideLiteral, hideUrl } from '../../../src/config/hide-secrets.ts';

describe('what admins see of a text that may hold secrets', () => {
  test.each([
    ['https://h.example/mcp', 'https://h.example/mcp'],
    [
      'https://user:pass@h.example:8443/mcp?key=abc&x#frag',
      'https://[hidden]@h.example:8443/mcp?key=[hidden]&[hidden]#[hidden]',
    ],
    ['https://token@h.example', 'https://[hidden]@h.example'],
    ['https://h.example/?a=&b=${KEY}&c=x${KEY}', 'https://h.example/?a=&b=${KEY}&c=[hidden]'],
    ['https://h.example/s/Ab3dEf6hIj9kLm2n/mcp', 'https://h.example/s/[hidden]/mcp'],
    ['https://h.example/s/3f2b8c1e-77aa-4b1f-9c55-0d2f6a7b8c9d', 'https://h.example/s/[hidden]'],
    ['https://h.example/api/v1/organizations/my-team', 'https://h.example/api/v1/organizations/my-team'],
    ['postgresql://a:b@db/name', 'postgresql://[hidden]@db/name'],
    ['not a url ?a=b', 'not a url ?a=b'],
  ])('URL %s', (url, shown) => {
    expect(hideUrl(url)).toBe(shown);
  });

  test.each([
    ['Bearer abc', 'Bearer [hidden]'],
    ['Bearer ', 'Bearer '],
    ['abc', '[hidden]'],
    ['', ''],
    [':', ':'],
    ['x', '[hidden]'],
  ])('value "%s"', (text, shown) => {
    expect(hideLiteral(text)).toBe(shown);
  });

  test.each<[readonly string[], readonly string[]]>([
    [
      ['-y', '@scope/server@1.2.3', '/srv/files'],
      ['-y', '@scope/server@1.2.3', '/srv/files'],
    ],
    [
      ['--api-key', 'a', '--token=b', '-kabcdefgh', '--verbose'],
      ['--api-key', '[hidden]', '--token=[hidden]', '-k[hidden]', '--verbose'],
    ],
    // A value that is the end of the argument before it is hidden all the same.
    [
      ['-abcdefgh', 'gh'],
      ['-a[hidden]', '[hidden]'],
    ],
    [
      ['run', '-e', 'KEY=abc', '--rm', 'image'],
      ['run', '-e', 'KEY=[hidden]', '--rm', 'image'],
    ],
    [
      ['mcp-remote', 'https://u:p@h/x?k=v'],
      ['mcp-remote', 'https://[hidden]@h/x?k=[hidden]'],
    ],
    [
      ['ghp_0123456789abcdef0123', 'Ab3dEf6hIj9kLm2n', '5d41402abc4b2a76b9719d911017c592'],
      ['[hidden]', '[hidden]', '[hidden]'],
    ],
    [
      ['--user', '${USER}', '${TOKEN}'],
      ['--user', '[hidden]', '${TOKEN}'],
    ],
  ])('arguments %j', (args, shown) => {
    expect(hideArguments(args)).toEqual(shown);
  });
});
