import { expect, test } from '@jest/globals';
import { ConfigError } from '../../../src/errors.ts';
import { toPublicProblems } from '../../../src/servers/reload-result.ts';

test('problems are reported with line and key, and without any path of the host', () => {
  const error = new ConfigError([
    { file: '/etc/mcpo/servers.json', line: 12, server: 'time', key: 'command', message: 'must be text.' },
    { file: '/etc/mcpo/servers.json', line: 14, key: 'envFile', message: '"../secret/time.env" does not exist.' },
    { key: '--env-path', message: 'the file "C:\\mcpo\\.env" does not exist.' },
    { message: 'has neither "command" and/or "url".' },
  ]);
  expect(toPublicProblems(error)).toEqual([
    'servers.json:12: server "time", key "command": must be text.',
    'servers.json:14: key "envFile": "…" does not exist.',
    'key "--env-path": the file "…" does not exist.',
    'has neither "command" and/or "url".',
  ]);
});

test('a fault of the service is not shown to everyone', () => {
  expect(toPublicProblems(new Error('at /srv/mcpo/dist/x.js'))).toEqual(['An unexpected error; the log has it.']);
});
