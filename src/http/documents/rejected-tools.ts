import type { RejectedTool } from '../../mcp/session.ts';

const MAX_SHOWN = 50;
const MAX_NAME_CHARACTERS = 200;
const MAX_REASON_CHARACTERS = 500;

/** Tools that cannot be served, as they are shown: at most fifty, names and reasons of bounded length. */
export function shownRejectedTools(rejected: readonly RejectedTool[]): RejectedTool[] {
  return rejected.slice(0, MAX_SHOWN).map(({ name, reason }) => ({
    name: shortened(name, MAX_NAME_CHARACTERS),
    reason: shortened(reason, MAX_REASON_CHARACTERS),
  }));
}

function shortened(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters).toWellFormed()}…` : text;
}
