import { describe, expect, test } from '@jest/globals';
import type { JsonSchema, ToolDefinition } from '../../../src/mcp/session.ts';
import type { DocumentServer } from '../../../src/openapi/document-input.ts';
import { serializeDocument } from '../../../src/openapi/serialize-document.ts';
import { toDocument } from '../../../src/openapi/to-document.ts';
import { documentInput, readCatalogues, readSchemaShapes } from './corpus.ts';

const now: ToolDefinition = {
  name: 'get_current-time',
  description: 'Tells the time.',
  inputSchema: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] },
  outputSchema: { type: 'object', properties: { time: { type: 'string' } } },
  annotations: { readOnlyHint: true },
};

function server(tools: readonly ToolDefinition[], name = 'time'): DocumentServer {
  return { name, serverInfo: { name: 'time-mcp', version: '1.0.6' }, instructions: 'Ask for the time.', tools };
}

describe('info', () => {
  test('is the server’s own', () => {
    expect(toDocument(documentInput([server([])])).info).toEqual({
      title: 'time-mcp',
      version: '1.0.6',
      description: 'Ask for the time.',
    });
  });

  test('is the admin’s where one is set', () => {
    const api = { name: 'Clock', description: 'Ours.', version: '7' };
    expect(toDocument(documentInput([server([])], { api })).info).toEqual({
      title: 'Clock',
      version: '7',
      description: 'Ours.',
    });
  });

  test('of all servers names the service', () => {
    const document = toDocument(documentInput([server([])], { scope: 'all', baseUrl: '/' }));
    expect(document.info.title).toBe('mcpo-ts');
    expect(document.tags).toEqual([{ name: 'time', description: 'Ask for the time.' }]);
  });
});

describe('an operation', () => {
  test('has all that the tool says of itself', () => {
    const document = toDocument(documentInput([server([now])], { baseUrl: '/time/' }));
    const operation = document.paths?.['/get_current-time']?.post;
    expect(document.servers).toEqual([{ url: '/time' }]);
    expect(operation).toMatchObject({
      operationId: 'time_get_current-time',
      summary: 'Get Current Time',
      description: 'Tells the time.',
      'x-mcp-annotations': { readOnlyHint: true },
      requestBody: { required: true, content: { 'application/json': { schema: now.inputSchema } } },
    });
    expect(operation?.responses?.[200].content['application/json'].schema).toEqual(now.outputSchema);
    expect(operation).not.toHaveProperty('tags');
  });

  test('has the title as its summary', () => {
    const titled = [
      { ...now, title: 'The time' },
      { ...now, name: 'b', annotations: { title: 'B' } },
      { ...now, name: 'listOpenIssues' },
    ];
    const { paths } = toDocument(documentInput([server(titled)]));
    expect(Object.values(paths ?? {}).map((item) => item.post?.summary)).toEqual(['The time', 'B', 'List Open Issues']);
  });

  test('needs no body when no argument is required', () => {
    const { paths } = toDocument(documentInput([server([{ name: 'ping', inputSchema: { type: 'object' } }])]));
    expect(paths?.['/ping']?.post?.requestBody).toMatchObject({ required: false });
  });

  test('answers 401 and 403 only where there is authentication', () => {
    const statuses = (hasAuthentication: boolean) => {
      const document = toDocument(documentInput([server([now])], { hasAuthentication, toolErrorStatus: 418 }));
      return { document, statuses: Object.keys(document.paths?.['/get_current-time']?.post?.responses ?? {}) };
    };
    const open = statuses(false);
    expect(open.statuses).toEqual(['200', '400', '404', '413', '415', '418', '422', '429', '502', '503', '504']);
    expect(open.document.components).not.toHaveProperty('securitySchemes');
    expect(open.document.security).toEqual([]);
    const closed = statuses(true);
    expect(closed.statuses).toEqual(expect.arrayContaining(['401', '403']));
    expect(closed.document.components?.securitySchemes).toEqual({ bearer: { type: 'http', scheme: 'bearer' } });
    expect(closed.document.security).toEqual([{ bearer: [] }]);
  });
});

describe('paths', () => {
  test.each([
    ['a b', '/a%20b'],
    ['a/b', '/a%2Fb'],
    ['{id}', '/%7Bid%7D'],
    ['größe', '/gr%C3%B6%C3%9Fe'],
    ['__proto__', '/__proto__'],
  ])('%s is called at %s', (name, path) => {
    const { paths } = toDocument(documentInput([server([{ name, inputSchema: {} }])]));
    expect(Object.keys(paths ?? {})).toEqual([path]);
  });

  test('have the server in front in the document of all', () => {
    const { paths } = toDocument(documentInput([server([now])], { scope: 'all', baseUrl: '/' }));
    expect(Object.keys(paths ?? {})).toEqual(['/time/get_current-time']);
    expect(paths?.['/time/get_current-time']?.post?.tags).toEqual(['time']);
  });

  test('a tool that cannot be published is left out and reported, the others stay', () => {
    const omitted: unknown[] = [];
    const unusable = ['', '.', '..', '\ud800'].map((name) => ({ name, inputSchema: {} }));
    const { paths } = toDocument(documentInput([server([...unusable, ...readSchemaShapes(), now])]), (name, tool) =>
      omitted.push([name, tool.name, tool.reason]),
    );
    expect(omitted).toEqual([
      ...unusable.map(({ name }) => ['time', name, 'its name cannot be part of a URL']),
      [
        'time',
        'external_ref',
        'its schema refers to "https://example.com/schema.json", and no $ref is fetched (at #/properties/x)',
      ],
    ]);
    expect(Object.keys(paths ?? {})).toHaveLength(readSchemaShapes().length);
    expect(paths).toHaveProperty(['/get_current-time']);
  });

  test('a tool whose outputSchema cannot be published stays', () => {
    const tool = { ...now, outputSchema: { $ref: 'https://example.com/x' } };
    const { paths } = toDocument(documentInput([server([tool])]));
    expect(paths?.['/get_current-time']?.post?.responses?.[200].content['application/json'].schema).toEqual({
      description: 'Any JSON value.',
    });
  });
});

describe('exact schemas', () => {
  const recursive: JsonSchema = { type: 'object', properties: { child: { $ref: '#' } }, required: ['child'] };

  test('stand under the name of the operation, untouched', () => {
    const tool = { ...now, inputSchema: recursive };
    const { paths, components } = toDocument(documentInput([server([tool])], { schemas: 'exact' }));
    const operation = paths?.['/get_current-time']?.post;
    const reference = (name: string) => ({ $ref: `#/components/schemas/time_get_current-time.${name}` });
    expect(operation?.requestBody).toEqual({
      required: true,
      content: { 'application/json': { schema: reference('input') } },
    });
    expect(operation?.responses?.[200].content['application/json'].schema).toEqual(reference('output'));
    expect(components?.schemas).toMatchObject({
      'time_get_current-time.input': { ...recursive, properties: { child: reference('input.root') } },
      'time_get_current-time.output': now.outputSchema,
    });
  });

  test('of tools that are named like our own schemas do not collide with them', () => {
    const tools = ['Error', 'ValidationError'].map((name) => ({ name, inputSchema: recursive }));
    const input = documentInput([server(tools)], { schemas: 'exact', operationIds: 'tool' });
    expect(toDocument(input).components?.schemas?.Error).toEqual(
      toDocument(documentInput([])).components?.schemas?.Error,
    );
  });

  test('are not in a document unless asked for', () => {
    const document = JSON.stringify(toDocument(documentInput(readCatalogues(), { scope: 'all' })).paths);
    expect(document).not.toContain('"$defs"');
    expect(document).not.toMatch(/"\$ref":"(?!#\/components\/responses\/)/);
  });
});

describe('bytes', () => {
  test('are the same for the same input, with the same strong validator', () => {
    for (const catalogue of readCatalogues()) {
      const make = () => serializeDocument(toDocument(documentInput([structuredClone(catalogue)])));
      expect(make().etag).toBe(make().etag);
      expect(make().body.equals(make().body)).toBe(true);
      expect(make().etag).toMatch(/^"[\w-]{20,}"$/);
    }
  });

  test('change with the catalogue', () => {
    const one = serializeDocument(toDocument(documentInput([server([now])])));
    const other = serializeDocument(toDocument(documentInput([server([{ ...now, description: 'x' }])])));
    expect(one.etag).not.toBe(other.etag);
  });
});
