import { expect, test } from '@jest/globals';
import { inheritedEnvironment } from '../../../src/config/environment-variables.ts';

const ordinary = {
  PATH: '/bin',
  HOME: '/h',
  LANG: 'C',
  LC_ALL: 'C',
  TMPDIR: '/t',
  USER: 'u',
  https_proxy: 'http://p',
  HTTPS_PROXY: 'http://p',
  SSL_CERT_FILE: '/c',
  NODE_EXTRA_CA_CERTS: '/c',
  npm_config_registry: 'r',
  UV_INDEX_URL: 'i',
  PIP_INDEX_URL: 'i',
  NODE_OPTIONS: '',
};
const own = {
  MCPO_API_KEY: 'k',
  MCPO_VAULT_KEY: 'v',
  API_KEY: 'k',
  JWT_SECRET: 'j',
  WEBUI_SECRET_KEY: 'w',
  API_KEY_FILE: '/k',
};
const other = { OPENAI_KEY: 'o', AWS_REGION: 'r', AWS_KEY: 'a', path: 'lower' };
const environment = new Map(Object.entries({ ...ordinary, ...own, ...other }));

function inherit(inheritEnv: '*' | readonly string[], given: Readonly<Record<string, string>> = {}) {
  return {
    ...inheritedEnvironment({ environment, inheritEnv, given: new Map(Object.entries(given)), platform: 'linux' }),
  };
}

test('a child gets what programs need, and nothing of the service', () => {
  expect(inherit([])).toEqual(ordinary);
});

test('further names and prefixes', () => {
  expect(inherit(['OPENAI_KEY', 'AWS_*'])).toEqual({ ...ordinary, OPENAI_KEY: 'o', AWS_REGION: 'r', AWS_KEY: 'a' });
});

test("the service's own secrets are not passed on even by name", () => {
  expect(inherit(['MCPO_API_KEY', 'API_KEY', 'MCPO_*', 'JWT_SECRET'])).toEqual(ordinary);
});

test.each(['*' as const, ['*']])('%j is everything but what sets the service', (inheritEnv) => {
  expect(inherit(inheritEnv)).toEqual({ ...ordinary, ...other });
});

test('what was given for the servers is passed on whatever its name', () => {
  expect(inherit([], { API_KEY: 'theirs', X: '1' })).toEqual({ ...ordinary, API_KEY: 'theirs', X: '1' });
});

test('on Windows, names have no case and the system needs some of its own', () => {
  const windows = new Map([
    ['Path', 'C:\\'],
    ['SystemRoot', 'C:\\Windows'],
    ['api_key', 'k'],
    ['Other', 'o'],
  ]);
  const result = inheritedEnvironment({ environment: windows, inheritEnv: [], given: new Map(), platform: 'win32' });
  expect(Object.keys(result)).toEqual(['Path', 'SystemRoot']);
});
