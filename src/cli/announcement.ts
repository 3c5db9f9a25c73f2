import type { Settings } from '../config/settings.ts';
import { serverPath } from '../http/paths.ts';
import { type CatalogueTool, publishedTools } from '../servers/catalogue.ts';
import type { Server } from '../servers/server.ts';
import type { Service } from '../service.ts';
import { type Paint, plain } from '../telemetry/paint.ts';

/** What the example may call: a tool that only reads, and nothing that does not belong into a terminal. */
const READS = [/current|now|time/i, /^(list|status|info|version|ping)/i, /^(get|read|show|describe|search|find)/i];
const PRIVATE = /env|secret|token|key|password|credential/i;

/** The same as fields of a log line. */
export function startFields(service: Service, settings: Settings) {
  return {
    url: service.url,
    docs: `${service.url}/docs`,
    servers: Object.fromEntries(settings.servers.map(({ name }) => [name, serverUrl(service, settings, name)])),
  };
}

/** The URLs, printed as soon as the port is open. The first line never changes its form: programs wait for it. */
export function startMessage(service: Service, settings: Settings, paint: Paint = plain): string {
  const names = settings.servers.map((server) => server.name);
  const width = Math.max(...names.map((name) => name.length));
  const urls = settings.singleServer
    ? names.map((name) => `  ${paint('cyan', serverUrl(service, settings, name))}`)
    : names.map((name) => `  ${name.padEnd(width)}  ${paint('cyan', serverUrl(service, settings, name))}`);
  return [
    `Listening on ${service.url}`,
    '',
    `Docs: ${paint('cyan', `${service.url}/docs`)}`,
    '',
    `Register in Open WebUI (Admin Settings, External Tools, type OpenAPI):`,
    ...urls,
    '',
  ].join('\n');
}

/** What is registered in Open WebUI for a server. */
function serverUrl(service: Service, settings: Settings, name: string): string {
  return service.url + serverPath(name, settings);
}

/** A curl line that works when pasted, for a tool that changes nothing; `undefined` if no server offers one. */
export function curlLine(service: Service, settings: Settings, hasApiKey: boolean): string | undefined {
  const candidates = service.registry
    .list()
    .flatMap((server) => publishedTools(server.catalogue).map((tool) => ({ server, tool })))
    .filter(({ tool }) => !PRIVATE.test(tool.definition.name) && requiresNothing(tool));
  const choice = READS.map((reads) =>
    candidates.find(({ tool }) => reads.test(tool.definition.name) && takesNoArguments(tool)),
  ).find(Boolean);
  if (choice === undefined) return undefined;
  const key = hasApiKey ? ' -H "Authorization: Bearer $MCPO_API_KEY"' : '';
  const url = `${service.url}${toolPath(choice.server, choice.tool, settings)}`;
  return `curl -sS -X POST '${url}' -H 'Content-Type: application/json'${key} -d '{}'`;
}

/** Compiling every tool's check only to choose one would cost more than all the rest of a start. */
function requiresNothing({ definition: { inputSchema } }: CatalogueTool): boolean {
  const required = typeof inputSchema === 'object' ? inputSchema.required : undefined;
  return !Array.isArray(required) || required.length === 0;
}

function takesNoArguments(tool: CatalogueTool): boolean {
  try {
    tool.checkArguments({});
    return true;
  } catch {
    return false;
  }
}

function toolPath(server: Server, tool: CatalogueTool, { pathPrefix, singleServer }: Settings): string {
  const parts = singleServer ? [tool.definition.name] : [server.name, tool.definition.name];
  // A quote would end the shell's word.
  return pathPrefix + parts.map((part) => encodeURIComponent(part).replaceAll("'", '%27')).join('/');
}
