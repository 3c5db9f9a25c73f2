import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect } from '@jest/globals';
import { fixture, type Service, startService, temporaryFolder, test } from '../harness.ts';

const KEY = 'key-against-forms-in-texts-31f0';
const FORM = '<form action="/vault/log-in" method="post">';

describe('what a server writes', () => {
  let service: Service;
  beforeAll(async () => {
    const env = { MCPO_API_KEY: KEY, MCPO_DATA_DIR: temporaryFolder() };
    service = await startService({ servers: { forms: fixture('forms-in-texts.js') }, env });
  }, 60_000);

  test('sends no form from a page of documents, and the pages with our own forms still send those', async () => {
    for (const path of ['/', '/docs', '/redoc', '/forms/docs', '/forms/redoc', '/forms/openapi.json', '/nowhere']) {
      const policy = String((await service.get(path)).headers['content-security-policy']);
      expect([path, policy.split(';').filter((one) => one.includes('form-action'))]).toEqual([
        path,
        ["form-action 'none'"],
      ]);
    }
    for (const path of ['/vault', '/admin', '/vault/link/unknown']) {
      const policy = (await service.get(path)).headers['content-security-policy'];
      expect([path, policy]).toEqual([path, expect.stringContaining("form-action 'self'")]);
    }
  });

  test('stays as it is in the document, which models read', async () => {
    const document = (await service.get('/forms/openapi.json')).json() as Document;
    expect(document.paths['/markup']?.post.description).toContain('Use <b> for bold.');
  });

  test('begins no tag where Swagger UI and ReDoc show it', async () => {
    for (const path of ['/forms/docs', '/forms/redoc']) {
      expect((await service.get(path)).text).toContain('load-document.js');
    }
    const document = (await service.get('/forms/openapi.json')).json() as Document;
    const shown = await loadAsThePageDoes((await service.get('/docs/assets/load-document.js')).text, document);
    const operation = shown.paths['/markup']?.post;
    if (operation === undefined) throw new Error('The document has lost its tool.');
    expect(operation.description).toContain('Use <\u2060b> for bold.');
    expect(operation.description).not.toMatch(/<[a-z/!?]/i);
    const { properties } = (operation.requestBody as RequestBody).content['application/json'].schema;
    expect(properties.description?.default).toBe('<b>');
    expect(JSON.stringify(shown)).not.toContain(FORM.replaceAll('"', '\\"'));
  });
});

interface Document {
  readonly paths: Readonly<
    Record<string, { readonly post: { readonly description: string; readonly requestBody: unknown } }>
  >;
}
interface RequestBody {
  readonly content: {
    readonly 'application/json': {
      readonly schema: { readonly properties: Record<string, { readonly default?: string }> };
    };
  };
}

/** Runs the page's script without a browser, and returns what it hands to Swagger UI or ReDoc. */
async function loadAsThePageDoes(script: string, document: unknown): Promise<Document> {
  const window: { loadDocument?: (root: object, url: string, show: (spec: Document) => void) => Promise<void> } = {};
  class MutationObserver {
    observe(): void {}
  }
  const fetch = async () => ({ ok: true, json: async () => document });
  runInNewContext(script, { window, fetch, MutationObserver });
  return new Promise((resolve, reject) => {
    window.loadDocument?.({ replaceChildren: () => undefined }, '/openapi.json', resolve).catch(reject);
  });
}
