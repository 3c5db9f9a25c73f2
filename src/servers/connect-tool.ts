import type { ToolDefinition } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type Catalogue, publishedTools } from './catalogue.ts';

const MAX_TOOLS = 200;
const MAX_DESCRIPTION_CHARACTERS = 300;

/** The one operation of a server whose tools are not known before a user has a session: it opens the caller's own. */
export function connectToolName(server: string): string {
  return `${server}_connect`;
}

/** As the document describes it to a model; `title` is what people call the server. */
export function toConnectTool(server: string, title: string): ToolDefinition {
  return {
    name: connectToolName(server),
    title: `Sign in to ${title}`,
    description: `Sign in to ${title}: call this when the user wants ${title}. Its other tools are not known yet. If the user has not set their own values for ${title}, such as a key, the answer is an error with a link: show the whole link to the user, and call this again once they have set them. The answer then has the names of the tools and says what to do next.`,
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    outputSchema: {
      type: 'object',
      properties: {
        message: { type: 'string', description: 'What was done, and what to do next.' },
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
  { name: server, title }: { readonly name: string; readonly title: string },
  catalogue: Catalogue,
  { isListed, redact }: { readonly isListed: boolean; readonly redact: Redact },
) {
  const tools = publishedTools(catalogue);
  const names = tools.slice(0, MAX_TOOLS).map(({ definition: { name, description } }) => ({
    name: redact(name),
    ...(description === undefined ? {} : { description: redact(description, MAX_DESCRIPTION_CHARACTERS) }),
  }));
  const offered = tools.length === 1 ? '1 tool' : `${tools.length} tools`;
  const next = isListed
    ? `The OpenAPI document of ${title} lists them now: to use them in chats, ask an admin to save the connection in Open WebUI again.`
    : `The OpenAPI document of ${title} does not list them yet: an admin can take this list over at /admin, or set "discovery" for ${server}, and then save the connection in Open WebUI again. Until then each one is called as POST /${server}/<tool>.`;
  return { message: `Connected to ${title}, which offers you ${offered}. ${next}`, tools: names };
}
