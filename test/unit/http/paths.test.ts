import { describe, expect, test } from '@jest/globals';
import { isVaultPath, parseServicePath, serverPath, toPathname } from '../../../src/http/paths.ts';

const many = { pathPrefix: '/', singleServer: false };
const prefixed = { pathPrefix: '/api/', singleServer: false };
const single = { pathPrefix: '/', singleServer: true };

describe('service path', () => {
  test.each([
    ['/time/now?x=1', '/time/now'],
    ['//time///now//', '/time/now'],
    ['/', '/'],
    ['//', '/'],
    ['/a?b=//', '/a'],
  ])('toPathname(%j) is %j', (target, expected) => {
    expect(toPathname(target)).toBe(expected);
  });

  test.each([
    ['/time/now', many, { server: 'time', name: 'now' }],
    ['/time/a/b', many, { server: 'time', name: 'a/b' }],
    ['/time/a%2Fb', many, { server: 'time', name: 'a/b' }],
    ['/time/a%252Fb', many, { server: 'time', name: 'a%2Fb' }],
    ['/time%2Fnow', many, undefined],
    ['/time/%2e%2e', many, { server: 'time', name: '..' }],
    ['/time/%ff', many, undefined],
    ['/time', many, undefined],
    ['/', many, undefined],
    ['/api/time/now', prefixed, { server: 'time', name: 'now' }],
    ['/time/now', prefixed, undefined],
    ['/now', single, { server: undefined, name: 'now' }],
    ['/a/b', single, { server: undefined, name: 'a/b' }],
  ])('parseServicePath(%j) with %j is %j', (pathname, settings, expected) => {
    expect(parseServicePath(pathname, settings)).toEqual(expected);
  });

  test('the path to register has the prefix and no slash at the end', () => {
    expect(serverPath('time', many)).toBe('/time');
    expect(serverPath('time', prefixed)).toBe('/api/time');
    expect(serverPath('time', single)).toBe('');
  });
});

describe('the paths of the pages', () => {
  test.each([
    ['GET', '/vault', '/', true],
    ['GET', '/admin', '/', true],
    ['POST', '/vault/log-in', '/', true],
    ['PUT', '/vault/api/servers/a/variables/B', '/', true],
    ['GET', '/v1/vault', '/v1/', true],
    ['GET', '/vault', '/v1/', true],
    ['POST', '/v1/admin/restart', '/v1/', true],
    ['POST', '/vault', '/', false],
    ['POST', '/admin', '/', false],
    ['GET', '/vaults', '/', false],
    ['GET', '/Vault', '/', false],
    ['GET', '/%76ault', '/', false],
    ['GET', '/x/vault', '/', false],
    ['GET', '/time/admin', '/', false],
    ['GET', '/', '/', false],
  ])('%s %s under %s: %s', (method, path, pathPrefix, expected) => {
    expect(isVaultPath(path, method, { pathPrefix })).toBe(expected);
  });
});
