import { describe, expect, test } from '@jest/globals';
import { UserVariableValueError } from '../../../src/errors.ts';
import { checkVariableValue } from '../../../src/servers/user-variable-value.ts';
import { processorMs } from '../../processor-time.ts';
import { parseServer } from '../config/parse-servers.ts';

function check(value: string, declared: object = {}, header = '${TOKEN}'): string | undefined {
  const config = parseServer({
    url: 'http://host/',
    headers: { A: header, B: '${OTHER}' },
    userVars: { TOKEN: { title: 'Jira\ntoken', ...declared }, OTHER: {} },
  });
  const variable = config.userVars.get('TOKEN');
  if (variable === undefined) throw new Error('There is no variable.');
  try {
    checkVariableValue('TOKEN', variable, value, config);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UserVariableValueError);
    return (error as Error).message;
  }
}

describe("a user variable's value", () => {
  test.each(['x', '${env:HOME} and $&', 'a'.repeat(16_384), 'clé', '"><script>'])('may be %.30j', (value) => {
    expect(check(value)).toBeUndefined();
  });

  test.each<[string, object, string]>([
    ['', {}, 'Jira token is empty: give it a value, or remove it.'],
    ['a'.repeat(16_385), {}, 'Jira token is longer than 16 KiB.'],
    ['a\rb', {}, 'Jira token holds a line break or NUL character: paste it again without it.'],
    ['a\0b', {}, 'Jira token holds a line break or NUL character: paste it again without it.'],
    ['a\ud800', {}, 'Jira token holds half a character (an unpaired surrogate): paste it again.'],
    ['a\u0007', {}, 'Jira token holds a control character, which no HTTP header can carry.'],
    ['日本', {}, 'Jira token holds a character beyond Latin-1, which no HTTP header can carry.'],
    ['c', { choices: ['a', 'b'] }, 'Jira token is not one of its choices.'],
    ['xab1', { pattern: '[a-z]+' }, 'Jira token is not in the expected format: [a-z]+.'],
    ['b', { pattern: 'a|bc' }, 'Jira token is not in the expected format: a|bc.'],
  ])('may not be %.30j where %j is declared', (value, declared, message) => {
    expect(check(value, declared)).toBe(message);
  });

  test('may hold any character where no header carries it', () => {
    expect(check('日本', {}, 'Bearer')).toBeUndefined();
  });

  test.each(['^(a+)+$', '(?=(a+)+$)a*(?!b)x'])('is checked against the slow pattern %s in bounded time', (pattern) => {
    const before = processorMs();
    expect(check(`${'a'.repeat(40)}!`, { pattern })).toContain('is not in the expected format');
    expect(processorMs() - before).toBeLessThan(10_000);
  });
});
