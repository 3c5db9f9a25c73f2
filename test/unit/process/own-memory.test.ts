import { describe, expect, test } from '@jest/globals';
import { blankVariables, maskArguments } from '../../../src/process/own-memory.ts';

const block = (...entries: string[]): Buffer => Buffer.from(entries.map((entry) => `${entry}\0`).join(''));

describe('blankVariables', () => {
  test('overwrites what is not kept, names and values, and nothing else', () => {
    const bytes = block('PATH=/bin', 'KEY=geheim=ä', 'EMPTY=', 'HOME=/root');
    const before = bytes.length;
    expect(blankVariables(bytes, (name) => name === 'PATH' || name === 'HOME')).toBe(2);
    expect(bytes.length).toBe(before);
    expect(bytes.toString().split('\0').filter(Boolean)).toEqual(['PATH=/bin', 'HOME=/root']);
    expect(blankVariables(bytes, (name) => name === 'PATH' || name === 'HOME')).toBe(0);
  });

  test('an entry without "=" is a name, and the last one may lack its NUL', () => {
    const bytes = Buffer.from('ODD\0KEY=secret');
    expect(blankVariables(bytes, () => false)).toBe(2);
    expect([...bytes].every((byte) => byte === 0)).toBe(true);
  });
});

describe('maskArguments', () => {
  const mask = (...args: string[]): string[] => {
    const bytes = block('node', '--no-warnings', '/app/cli.js', ...args);
    maskArguments(bytes, args);
    return bytes.toString().split('\0').slice(3, -1);
  };

  test.each([
    [
      ['--api-key', 'abc'],
      ['--api-key', '***'],
    ],
    [
      ['--api-key=abc', '--port', '1'],
      ['--api-key=***', '--port', '1'],
    ],
    [
      ['-k', 'abc', '-eA=b'],
      ['-k', '***', '-e***'],
    ],
    [['-kabc'], ['-k***']],
    [
      ['--env', 'A=ä', '--header', '{}'],
      ['--env', '****', '--header', '**'],
    ],
    [
      ['--config', 'x', '--', 'npx', '--api-key', 'abc'],
      ['--config', 'x', '--', 'npx', '--api-key', 'abc'],
    ],
    [[], []],
    [['--api-key'], ['--api-key']],
  ])('%j becomes %j', (args, shown) => {
    expect(mask(...args)).toEqual(shown);
  });
});
