import type { ToolDefinition } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type Catalogue, publishedTools } from './catalogue.ts';

const MAX_TOOLS = 200;
const MAX_DESCRIPTION_CHARACTERS = 300;

/** The one operation of a server whose tools are not known before a user has a session: it opens the caller's own. */
export function connectToolName(server: string): string {
  return `${server}_connect`;
}

/** As the document describes it. */
export function toConnectTool(server: string): ToolDefinition {
  return {
    name: connectToolName(server),
    title: `Connect to ${server}`,
    description: `Opens the calling user's own session of ${server} and returns the names and descriptions of its tools. If a value of the user is missing, the answer holds a link where they can set it.`,
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    outputSchema: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        tools: {
          type: 'array',
          items: {
            type: 'object',
            properties: { name: { type: 'string' }, description: { type: 'string' } },
            required: ['name'],
          },
        },
      },
      required: ['message', 'tools'],
    },
  };
}

/** What the caller's own session lists, without their values; `isListed`: the document has these tools by now. */
export function toConnectAnswer(
  server: string,
  catalogue: Catalogue,
  { isListed, redact }: { readonly isListed: boolean; readonly redact: Redact },
) {
  const tools = publishedTools(catalogue);
  const next = isListed
    ? `The OpenAPI document of ${server} lists the tools now: save the connection in Open WebUI again to use them in chats.`
    : `The OpenAPI document of ${server} does not list them: an admin can take this list over at /admin, or set "discovery" for ${server}. Until then each one is called as POST /${server}/<tool>.`;
  return {
    message: `Connected to ${server}, which offers you ${tools.length === 1 ? '1 tool' : `${tools.length} tools`}. ${next}`,
    tools: tools.slice(0, MAX_TOOLS).map(({ definition: { name, description } }) => ({
      name: redact(name),
      ...(description === undefined ? {} : { description: redact(description, MAX_DESCRIPTION_CHARACTERS) }),
    })),
  };
}
