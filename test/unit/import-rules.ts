import { posix } from 'node:path';
import ts from 'typescript';

export interface RoomRule {
  /** Rooms that may be imported in any way; `*` is all. */
  readonly values: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly types: readonly string[];
}

const leaves = ['bounded-map', 'errors', 'key-file', 'parse-url', 'telemetry', 'turns', 'version', 'watched-files'];
const rule = (values: readonly string[], types: readonly string[] = []): RoomRule => ({ values, types });

/** Who may import whom ("Imports run downward only" in the design); each room stands above all that it may import. */
export const roomRules: ReadonlyMap<string, RoomRule> = new Map([
  ['cli', rule(['*'])],
  ['doctor', rule(['service', 'rate-limit', 'audit', 'db', 'placeholders', 'config', 'auth', ...leaves])],
  ['service', rule(['*'])],
  ['http', rule(['servers', 'openapi', 'auth', 'vault', 'audit', 'rate-limit', 'mcp', ...leaves], ['config'])],
  [
    'servers',
    rule(
      ['mcp', 'process', 'results', 'rules', 'vault', 'placeholders', 'audit', 'schema', 'auth', ...leaves],
      ['config'],
    ),
  ],
  ['results', rule(['mcp', 'rules', ...leaves])],
  ['openapi', rule(['schema', ...leaves], ['mcp', 'config'])],
  ['schema', rule(leaves)],
  ['mcp', rule(['process', ...leaves], ['config'])],
  ['backup', rule(['vault', 'audit', 'auth', 'db', ...leaves])],
  ['vault', rule(['db', 'auth', 'secret-sources', ...leaves], ['config'])],
  ['secret-sources', rule(leaves, ['config', 'placeholders'])],
  ['audit', rule(['db', ...leaves], ['config'])],
  ['rate-limit', rule(['db', ...leaves], ['config'])],
  ['process', rule(leaves, ['config'])],
  ['db', rule(leaves, ['config', 'auth'])],
  ['config', rule(['placeholders', 'auth', 'rules', ...leaves])],
  ['rules', rule(['auth', 'errors', 'parse-url'])],
  ['auth', rule(leaves)],
  ['placeholders', rule(['errors', 'parse-url'])],
  ['telemetry', rule(['errors'])],
  ['turns', rule([])],
  ['version', rule([])],
  ['bounded-map', rule([])],
  ['key-file', rule(['errors'])],
  ['errors', rule([])],
  ['parse-url', rule([])],
  ['watched-files', rule([])],
]);

const libraryRooms: readonly [prefix: string, rooms: readonly string[]][] = [
  ['@modelcontextprotocol/', ['mcp']],
  ['express-rate-limit', ['http', 'rate-limit']],
  ['express', ['http']],
  ['swagger-ui-express', ['http']],
  ['helmet', ['http']],
  ['redis', ['rate-limit']],
  ['rate-limit-redis', ['rate-limit']],
  ['pg', ['db']],
  ['libsql', ['db']],
  ['jsonwebtoken', ['auth']],
  ['prom-client', ['telemetry']],
  ['age-encryption', ['backup']],
  ['@opentelemetry/', ['telemetry']],
  ['@sentry/', ['telemetry']],
  ['@aws-sdk/', ['secret-sources']],
];

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** One sentence for each import that breaks a rule, for each use of `process.env` outside `config`, and for each cycle. */
export function findImportProblems(sources: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of sources) {
    const room = roomOf(file);
    const roomRule = roomRules.get(room);
    if (roomRule === undefined) {
      problems.push(`${room} (${file}): there is no rule for this room.`);
      continue;
    }
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
    const { imports, readsEnvironment } = readSource(source);
    if (readsEnvironment && room !== 'config') problems.push(`${file}: process.env is read by config only.`);
    for (const found of imports) {
      const problem = found.specifier.startsWith('.')
        ? judgeRoom(file, room, roomRule, found)
        : judgeLibrary(file, room, found.specifier);
      if (problem !== undefined) problems.push(problem);
    }
    const local = imports.filter(({ specifier }) => specifier.startsWith('.'));
    graph.set(
      file,
      local.map(({ specifier }) => resolveFile(file, specifier)),
    );
  }
  return [...problems, ...findCycles(graph)];
}

function judgeRoom(file: string, room: string, roomRule: RoomRule, found: Import): string | undefined {
  const target = roomOf(resolveFile(file, found.specifier));
  if (target === room || roomRule.values.includes('*') || roomRule.values.includes(target)) return undefined;
  if (!roomRule.types.includes(target)) return `${room} (${file}) may not import ${target} (${found.specifier}).`;
  return found.isTypeOnly ? undefined : `${room} (${file}) may import only types of ${target} (${found.specifier}).`;
}

function judgeLibrary(file: string, room: string, specifier: string): string | undefined {
  const entry = libraryRooms.find(([prefix]) =>
    prefix.endsWith('/') ? specifier.startsWith(prefix) : specifier === prefix || specifier.startsWith(`${prefix}/`),
  );
  if (entry === undefined || entry[1].includes(room)) return undefined;
  return `${file}: ${specifier} belongs to ${entry[1].join(' and ')}.`;
}

function resolveFile(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier);
}

function roomOf(file: string): string {
  const [first = ''] = file.split('/');
  return first.replace(/\.ts$/, '');
}

function readSource(source: ts.SourceFile): { imports: Import[]; readsEnvironment: boolean } {
  const imports: Import[] = [];
  let readsEnvironment = false;
  const add = (node: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) imports.push({ specifier: node.text, isTypeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, isTypeOnlyImport(node.importClause));
      const bindings = node.importClause?.namedBindings;
      if (isProcessModule(node.moduleSpecifier) && bindings !== undefined && ts.isNamedImports(bindings)) {
        readsEnvironment ||= bindings.elements.some(({ name, propertyName }) => (propertyName ?? name).text === 'env');
      }
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    } else if (isProcessEnvironment(node)) {
      readsEnvironment = true;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, readsEnvironment };
}

function isTypeOnlyImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

function isProcessModule(node: ts.Node): boolean {
  return ts.isStringLiteralLike(node) && (node.text === 'node:process' || node.text === 'process');
}

function isProcessEnvironment(node: ts.Node): boolean {
  const isProcess = (expression: ts.Node | undefined): boolean =>
    expression !== undefined && ts.isIdentifier(expression) && expression.text === 'process';
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env';
  if (ts.isElementAccessExpression(node)) {
    const key = node.argumentExpression;
    return isProcess(node.expression) && ts.isStringLiteralLike(key) && key.text === 'env';
  }
  return (
    ts.isVariableDeclaration(node) &&
    isProcess(node.initializer) &&
    ts.isObjectBindingPattern(node.name) &&
    node.name.elements.some(({ name, propertyName }) => (propertyName ?? name).getText() === 'env')
  );
}

function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      cycles.push(`Imports in a circle: ${[...path.slice(start), file].join(' → ')}.`);
      return;
    }
    if (finished.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}
