import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../errors.ts';

/** Where published guides put a servers file. */
const USUAL_FILES =
  'servers.json config.json mcpo.json mcp.json .mcp.json mcp_config.json mcp-config.json mcp_servers.json mcp-servers.json mcpo_config.json mcpo-config.json config/config.json config/mcpo.json claude_desktop_config.json .vscode/mcp.json .cursor/mcp.json'.split(
    ' ',
  );
const MAX_BYTES = 1_000_000;

/** The error of a command line that names no server; with the servers file of the working folder, if there is one. */
export function nothingToServe(command = 'mcpo-ts'): UsageError {
  const file = USUAL_FILES.find(listsServers);
  if (file !== undefined) {
    return new UsageError(
      `Nothing to serve: no servers file is named. There is one in this folder: ${command} --config ${file}`,
    );
  }
  return new UsageError(
    'Nothing to serve: give a servers file (mcpo-ts --config servers.json) or one server\'s command after -- (mcpo-ts -- npx -y @modelcontextprotocol/server-memory); "mcpo-ts --help" shows all options.',
  );
}

function listsServers(file: string): boolean {
  try {
    return statSync(file).size < MAX_BYTES && /"(mcpServers|servers)"\s*:/.test(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
}
