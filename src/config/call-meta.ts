import { hasUserPlaceholder, literalText } from '../placeholders/resolve-template.ts';
import type { Template } from '../placeholders/template.ts';
import type { EntryContext } from './template-reader.ts';

/** MCP specification, "General fields", `_meta`: a prefix of labels, then a name. */
const LABEL = '[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const NAME = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*/)?(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)$`);
/** Set by the service for each call: how progress is assigned to it, and its trace (SEP-414). */
const OWN_NAMES: ReadonlySet<string> = new Set(['progressToken', 'traceparent', 'tracestate', 'baggage']);

/**
 * A server's `callMeta`: what `params._meta` of each call has. The values of users in it are values of single calls, so
 * they are no part of the session, and say nothing about who shares it.
 */
export function readCallMeta({ entry, place, templates, secrets }: EntryContext): ReadonlyMap<string, Template> {
  const callMeta = new Map<string, Template>();
  for (const [name, text] of entry.callMeta) {
    const at = place.at('callMeta', name);
    const problem = nameProblem(name);
    if (problem !== undefined) {
      at.problem(problem);
      continue;
    }
    const template = templates.read(text, at);
    if (template === undefined) continue;
    if (hasUserPlaceholder(template)) secrets.addParts(template);
    else secrets.addVariable(name, literalText(template));
    callMeta.set(name, template);
  }
  return callMeta;
}

function nameProblem(name: string): string | undefined {
  if (!NAME.test(name)) {
    return 'is not a name for "_meta": use letters, digits, "-", "_" and ".", after a prefix such as "example.org/" if you like.';
  }
  if (OWN_NAMES.has(name)) return 'is set by the service itself; use another name.';
  const labels = name.includes('/') ? name.slice(0, name.indexOf('/')).toLowerCase().split('.') : [];
  if (labels.includes('modelcontextprotocol') || labels.includes('mcp')) {
    return 'has a prefix that MCP keeps for itself; use another one, such as "example.org/".';
  }
  return undefined;
}
