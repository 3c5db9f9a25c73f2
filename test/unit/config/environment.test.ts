import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';
import { ConfigError } from '../../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
const keyFile = join(folder, 'key');
const emptyFile = join(folder, 'empty');
writeFileSync(keyFile, 'from-file\n');
writeFileSync(emptyFile, ' \n');
afterAll(() => rmSync(folder, { recursive: true }));

describe('the API key', () => {
  test.each([
    [{}, undefined],
    [{ API_KEY: 'a' }, 'a'],
    [{ MCPO_API_KEY: 'm', API_KEY: 'a' }, 'm'],
    [{ MCPO_API_KEY: '', API_KEY: 'a' }, 'a'],
    [{ MCPO_API_KEY: ' ', API_KEY: '' }, undefined],
    [{ MCPO_API_KEY_FILE: keyFile }, 'from-file'],
    [{ MCPO_API_KEY_FILE: keyFile, API_KEY: 'a' }, 'from-file'],
    [{ MCPO_API_KEY_FILE: keyFile, MCPO_API_KEY: '' }, 'from-file'],
  ])('%j', (env, expected) => {
    expect(readEnvironment(env).apiKey).toBe(expected);
  });

  test.each([
    [
      { MCPO_API_KEY: 'm', MCPO_API_KEY_FILE: keyFile },
      'key "MCPO_API_KEY_FILE": is set beside MCPO_API_KEY; keep one of them.',
    ],
    [{ MCPO_API_KEY_FILE: `${keyFile}x` }, `key "MCPO_API_KEY_FILE": the file "${keyFile}x" does not exist.`],
    [{ MCPO_API_KEY_FILE: folder }, `key "MCPO_API_KEY_FILE": the file "${folder}" is a folder.`],
    [{ MCPO_API_KEY_FILE: emptyFile }, `key "MCPO_API_KEY_FILE": the file "${emptyFile}" is empty.`],
  ])('is refused: %j', (env, message) => {
    expect(() => readEnvironment(env)).toThrow(ConfigError);
    expect(() => readEnvironment(env)).toThrow(message);
  });
});

test('the rest', () => {
  const environment = readEnvironment({
    MCPO_PUBLIC_URL: 'https://tools.example.org/x/',
    LOG_LEVEL: 'WARNING',
    LOG_FORMAT: 'JSON',
    OTHER: 'o',
    __proto__: 'p',
  });
  expect(environment).toMatchObject({ publicUrl: 'https://tools.example.org/x', logLevel: 'warn', logFormat: 'json' });
  expect(environment.variables.get('OTHER')).toBe('o');
});

test('an empty variable counts as unset', () => {
  expect(readEnvironment({ MCPO_PUBLIC_URL: '', LOG_LEVEL: '', LOG_FORMAT: ' ' })).toMatchObject({
    publicUrl: undefined,
    logLevel: undefined,
    logFormat: undefined,
  });
});

test('every variable that cannot be used is told', () => {
  const env = { MCPO_PUBLIC_URL: 'tools.example.org', LOG_LEVEL: 'loud', LOG_FORMAT: 'xml' };
  expect(() => readEnvironment(env)).toThrow(
    [
      'key "MCPO_PUBLIC_URL": must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".',
      'key "LOG_LEVEL": must be one of error, warn, info, debug.',
      'key "LOG_FORMAT": must be json or pretty.',
    ].join('\n'),
  );
});
