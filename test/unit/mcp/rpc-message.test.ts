import { describe, expect, test } from '@jest/globals';
import { isAlteredByParsing } from '../../../src/mcp/exact-numbers.ts';
import { sliceItems, sliceJson } from '../../../src/mcp/json-slices.ts';
import { readRpcMessages } from '../../../src/mcp/rpc-message.ts';
import { findResponseId } from '../../../src/mcp/too-large-message.ts';
import { processorMs } from '../../processor-time.ts';

describe('whether parsing alters a text', () => {
  test.each([
    '12345678901234567890',
    '1.0',
    '1e400',
    '-0',
    '0.1000000000000000055',
    '{"a":[1,{"b":9007199254740993}]}',
    '{"a\\\\":1.50}',
    '{"\\"":1.0}',
    '[1E2]',
    `${'['.repeat(600)}${']'.repeat(600)}`,
  ])('%.60s is altered', (text) => {
    expect(isAlteredByParsing(text)).toBe(true);
  });

  test.each([
    '0',
    '-1',
    '1.5',
    '9007199254740991',
    '[123456789012345,-12,0.1,1e+21]',
    '"1.0"',
    '{"1.0":"-0 \\" 1.0"}',
    '"\\\\"',
    '["a\\\\\\"1.0",true,null]',
    '{}',
  ])('%s is not', (text) => {
    expect(isAlteredByParsing(text)).toBe(false);
    expect(JSON.stringify(JSON.parse(text))).toBe(text);
  });

  test('takes time in proportion to the length, whatever is escaped', () => {
    const text = JSON.stringify('\\"'.repeat(1_000_000));
    const before = processorMs();
    expect(isAlteredByParsing(text)).toBe(false);
    expect(processorMs() - before).toBeLessThan(10_000);
  });
});

describe('slicing', () => {
  const text = ' { "x" : [1.0, "]}\\"", {"y":2}] , "re\\u0073ult":{"s\\"":-0,"n":1e400 }, "x":"last" } ';

  test('finds a member by its path, however its name is spelt', () => {
    expect(sliceJson(text, ['result'])).toBe('{"s\\"":-0,"n":1e400 }');
    expect(sliceJson(text, ['result', 's"'])).toBe('-0');
    expect(sliceJson(text, ['result', 'n'])).toBe('1e400');
  });

  test('takes the last of two equal names, as JSON.parse does', () => {
    expect(sliceJson(text, ['x'])).toBe('"last"');
  });

  test('gives nothing for what is not there', () => {
    expect(sliceJson(text, ['none'])).toBeUndefined();
    expect(sliceJson(text, ['x', 'y'])).toBeUndefined();
    expect(sliceJson('{}', ['a'])).toBeUndefined();
    expect(sliceJson('[]', ['a'])).toBeUndefined();
  });

  test('cuts an array into its items', () => {
    expect(sliceItems(' [ 1.0 , [2,[3]] ,"a,b]" , {"c":[4]}, null ] ')).toEqual([
      '1.0',
      '[2,[3]]',
      '"a,b]"',
      '{"c":[4]}',
      'null',
    ]);
    expect(sliceItems('[]')).toEqual([]);
    expect(sliceItems('{}')).toEqual([]);
  });
});

describe('messages', () => {
  test('keep the text of a result only where its digits need it', () => {
    expect(readRpcMessages('{"jsonrpc":"2.0","id":1,"result":{"a":1.0}}')).toMatchObject([
      { kind: 'result', resultText: '{"a":1.0}' },
    ]);
    expect(readRpcMessages('{"jsonrpc":"2.0","id":1,"result":{"a":1},"x":1.0}')?.[0]).toHaveProperty(
      'resultText',
      undefined,
    );
  });

  test('come in batches too', () => {
    const batch = '[{"jsonrpc":"2.0","id":1,"result":{"a":1.0}}, 7, {"jsonrpc":"2.0","method":"m"}]';
    expect(readRpcMessages(batch)).toMatchObject([
      { id: 1, resultText: '{"a":1.0}' },
      { kind: 'notification', method: 'm' },
    ]);
  });

  test.each([
    '',
    'y',
    '{',
    'null',
    '7',
    '"{}"',
    '[]',
    '{}',
    '{"jsonrpc":"1.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1}',
  ])('%s is none', (text) => {
    expect(readRpcMessages(text)).toBeUndefined();
  });

  test.each([
    { head: '{"jsonrpc":"2.0","id":12,"result":{"content":[{"id":', tail: 'x"}]}}', id: 12 },
    { head: '{"id":"12","result":{', tail: '}}', id: 12 },
    { head: '{"result":{"content":[{"id":5,"a":"', tail: 'xx"}]},"jsonrpc":"2.0","id":7}', id: 7 },
    { head: '{"jsonrpc":"2.0","result":{"id":5,"a":"', tail: 'xx"}, "id":7,"jsonrpc":"2.0"}\r', id: 7 },
    { head: '{"jsonrpc":"2.0","result":{"id":5,"a":"', tail: '","id":6}}', id: 'unknown' },
    { head: '{"jsonrpc":"2.0","method":"notifications/message","params":{"id":5,"a":"', tail: '","id":6}', id: 'none' },
  ])('of which only the ends are left are told apart: $id', ({ head, tail, id }) => {
    expect(findResponseId({ head, tail })).toBe(id);
  });
});
