import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { startService, temporaryFolder, test } from './harness.ts';
import { catalogues, fetchDocument, replayedCatalogues, replayedShapes } from './replayed-catalogues.ts';

/** Types by document address. */
const generated = new Map<string, string>();

beforeAll(async () => {
  const service = await startService({ servers: { ...replayedCatalogues(), ...replayedShapes() } });
  for (const server of [...catalogues.map(({ name }) => `/${name}`), '/shapes', '']) {
    for (const query of ['', '?schema=exact']) {
      const address = `${server}/openapi.json${query}`;
      const document = await fetchDocument(service, address);
      generated.set(address, astToString(await openapiTS(JSON.stringify(document), { silent: true })));
    }
  }
}, 60_000);

describe('the types that openapi-typescript generates', () => {
  test('compile under --strict, for every document in both forms', () => {
    expect(compile(generated)).toEqual([]);
  });

  test('name every tool of every catalogue', () => {
    for (const { name, tools } of catalogues) {
      for (const query of ['', '?schema=exact']) {
        const types = generated.get(`/${name}/openapi.json${query}`) ?? '';
        const missing = tools.filter((tool) => !types.includes(`"/${encodeURIComponent(tool.name)}": {`));
        expect([name, query, missing.map((tool) => tool.name)]).toEqual([name, query, []]);
      }
    }
  });

  test('would be found not to compile', () => {
    const broken = new Map([['broken', `import type { paths } from './missing.js';\nexport type A = paths[B];\n`]]);
    expect(compile(broken)).not.toEqual([]);
  });
});

/** What `tsc --noEmit --strict` says, in one program for all files. */
function compile(files: ReadonlyMap<string, string>): readonly string[] {
  const folder = temporaryFolder();
  const addresses = new Map<string, string>();
  for (const [address, types] of files) {
    const file = join(folder, `document-${addresses.size}.ts`);
    writeFileSync(file, types);
    addresses.set(file, address);
  }
  const program = ts.createProgram([...addresses.keys()], {
    noEmit: true,
    strict: true,
    types: [],
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipDefaultLibCheck: true,
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file?.getLineAndCharacterOfPosition(start ?? 0).line;
    return `${addresses.get(file?.fileName ?? '')}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
