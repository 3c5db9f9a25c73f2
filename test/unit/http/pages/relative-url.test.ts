import { expect, test } from '@jest/globals';
import { toRelativeUrl } from '../../../../src/http/pages/relative-url.ts';

test.each(['/', '/docs', '/docs/', '/time/docs', '/time/docs/', '//time//docs', '/a%2Fb/docs', '/docs?x=/a/b#/c'])(
  'from %s every path is reached, also below a prefix that a proxy strips',
  (from) => {
    for (const to of ['/', '/docs/assets/', '/time/openapi.json']) {
      expect(new URL(toRelativeUrl(from, to), `http://host${from}`).pathname).toBe(to);
      expect(new URL(toRelativeUrl(from, to), `http://host/some/prefix${from}`).pathname).toBe(`/some/prefix${to}`);
    }
  },
);
