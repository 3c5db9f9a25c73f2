import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';

function logged(format: 'json' | 'pretty', write: (logger: ReturnType<typeof createLogger>) => void): string {
  const redactor = new Redactor();
  redactor.add(['s3cr"et/value', 'abc']);
  const stream = new PassThrough();
  write(createLogger({ level: 'info', format, redactor, stream }));
  return String(stream.read() ?? '');
}

describe('logger', () => {
  test('takes secrets out by value, in every spelling', () => {
    const spellings = {
      plain: 's3cr"et/value',
      url: `https://host/?k=${encodeURIComponent('s3cr"et/value')}`,
      basic: Buffer.from('s3cr"et/value').toString('base64'),
    };
    for (const format of ['json', 'pretty'] as const) {
      const text = logged(format, (logger) => logger.info('uses s3cr"et/value', spellings));
      expect(text).not.toMatch(/s3cr|et%2Fvalue|czNjci/);
      expect(text.match(/\[redacted\]/g)).toHaveLength(4);
    }
  });

  test('takes them out of names and numbers too, and keeps its form whatever a value is', () => {
    const redactor = new Redactor();
    redactor.add(['","level":"', '13579', 'canary']);
    const stream = new PassThrough();
    const logger = createLogger({ level: 'info', format: 'json', redactor, stream });
    logger.warn('seen', { number: 13579, list: [{ canary: 'x' }], text: 'a","level":"b' });
    expect(JSON.parse(String(stream.read()))).toMatchObject({
      level: 'warn',
      message: 'seen',
      number: '[redacted]',
      list: [{ '[redacted]': 'x' }],
      text: 'a[redacted]b',
    });
  });

  test('leaves words alone that a very short secret is part of', () => {
    expect(logged('pretty', (logger) => logger.info('abcdef'))).toContain('abcdef');
  });

  test('writes one line an event, whatever is in it', () => {
    const text = logged('pretty', (logger) => logger.warn('first\nERROR forged', { reason: 'a\nb' }));
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    expect(
      logged('json', (logger) => logger.warn('a\nb'))
        .trimEnd()
        .split('\n'),
    ).toHaveLength(1);
  });

  test('writes JSON lines with time, level and facts, and nothing below its level', () => {
    const text = logged('json', (logger) => {
      logger.debug('unseen');
      logger.error('seen', { server: 'time' });
    });
    expect(JSON.parse(text)).toMatchObject({ level: 'error', message: 'seen', server: 'time' });
    expect(text).not.toContain('unseen');
  });
});
