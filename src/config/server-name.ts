/** Paths of the service itself, which a server of that name would hide. */
const reservedNames: ReadonlySet<string> = new Set([
  'docs',
  'redoc',
  'openapi.json',
  'healthz',
  'readyz',
  'metrics',
  'vault',
  'admin',
  'oauth',
  'files',
  '.well-known',
]);

/** Why a name cannot be a server's, or `undefined` if it can. */
export function serverNameProblem(name: string): string | undefined {
  if (name === '') return 'a server needs a name.';
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    return 'a server name may hold letters (a-z, A-Z), digits, "-", "_" and "." only, because it is part of the URL; rename it.';
  }
  if (name === '.' || name === '..') return 'a server name of dots only cannot be part of a URL; rename it.';
  if (reservedNames.has(name)) return `the name is taken by the service's own /${name}; rename the server.`;
  return undefined;
}
