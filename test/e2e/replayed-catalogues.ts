import { fileURLToPath } from 'node:url';
import type { ToolDefinition } from '../../src/mcp/session.ts';
import type { DocumentServer } from '../../src/openapi/document-input.ts';
import { readCatalogues } from '../unit/openapi/corpus.ts';
import { fixture, type Service } from './harness.ts';

/** The recorded catalogues of published servers, each served under its file's name. */
export const catalogues: readonly DocumentServer[] = readCatalogues();

/** A servers file's entries in which a program replays each catalogue in pages of ten tools. */
export function replayedCatalogues(): Record<string, object> {
  return Object.fromEntries(
    catalogues.map(({ name }) => [name, fixture('replay.js', [fixturePath(`catalogues/${name}.json`), '10'])]),
  );
}

export function replayedShapes(): Record<string, object> {
  return { shapes: fixture('replay.js', [fixturePath('schema-shapes.json')]) };
}

/** What the tests read of an OpenAPI document. */
export interface ServedDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, { readonly post: ServedOperation }>>;
  readonly components?: object;
}

export interface ServedOperation {
  readonly operationId: string;
  readonly description?: string;
  readonly requestBody: { readonly content: { readonly 'application/json': { readonly schema: unknown } } };
}

/** Throws unless the answer is 200. */
export async function fetchDocument(service: Service, path: string): Promise<ServedDocument> {
  const answer = await service.get(path);
  if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}: ${answer.text.slice(0, 500)}`);
  return answer.json() as ServedDocument;
}

/** Throws if the document has no operation for the tool. */
export function operationOf(document: ServedDocument, toolName: string): ServedOperation {
  const operation = document.paths[`/${encodeURIComponent(toolName)}`]?.post;
  if (operation === undefined) throw new Error(`There is no operation for the tool ${toolName}.`);
  return operation;
}

export function inputSchemaOf(operation: ServedOperation): unknown {
  return operation.requestBody.content['application/json'].schema;
}

/** The names of all arguments that a schema speaks of, in its alternatives too. */
export function rootPropertyNames(schema: ToolDefinition['inputSchema']): ReadonlySet<string> {
  if (typeof schema === 'boolean') return new Set();
  const { properties, allOf, anyOf, oneOf, if: condition, then, else: otherwise } = schema;
  const parts = [allOf, anyOf, oneOf, condition, then, otherwise].flat().filter((part) => part instanceof Object);
  return new Set([
    ...Object.keys(properties ?? {}),
    ...parts.flatMap((part) => [...rootPropertyNames(part as ToolDefinition['inputSchema'])]),
  ]);
}

function fixturePath(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
}
