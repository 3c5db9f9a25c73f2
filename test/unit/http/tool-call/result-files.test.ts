import { describe, expect, test } from '@jest/globals';
import { fileIdOf } from '../../../../src/http/tool-call/result-files.ts';

const id = 'AbCdEfGhIjKlMnOpQrSt_-';

describe('the id in a path', () => {
  test.each([
    [`/files/${id}`, '/', id],
    [`/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/api/', id],
    [`/api/files/${id}`, '/', undefined],
    [`/api/api/files/${id}`, '/api/', undefined],
    [`/files/${id}x`, '/', undefined],
    [`/files/${id.slice(1)}`, '/', undefined],
    [`/files/${id}/../../docs`, '/', undefined],
    [`/files/${id}/docs`, '/', undefined],
    [`/files/%41${id.slice(1)}`, '/', undefined],
    [`/Files/${id}`, '/', undefined],
    [`/x/files/${id}`, '/', undefined],
    [`files/${id}`, '/', undefined],
    ['/files/', '/', undefined],
    ['/', '/', undefined],
  ])('of %s under %s', (path, pathPrefix, expected) => {
    expect(fileIdOf(path, { pathPrefix })).toBe(expected);
  });
});
