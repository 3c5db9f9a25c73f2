import { expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.ts';

test('a config error reports every problem on a line of its own, with its place', () => {
  const error = new ConfigError([
    {
      message: 'is not a number.',
      file: 'servers.json',
      line: 4,
      server: 'time',
      key: 'timeoutMs',
    },
    { message: 'holds no servers.', file: 'servers.json' },
  ]);
  expect(error.message).toBe(
    'servers.json:4: server "time", key "timeoutMs": is not a number.\nservers.json: holds no servers.',
  );
});
