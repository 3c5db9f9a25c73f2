import { writeFileSync } from 'node:fs';
import { type Service, waitFor } from './harness.ts';

export function writeServers(file: string, servers: object): void {
  writeFileSync(file, JSON.stringify({ mcpServers: servers }));
}

export function pidsOf(service: Service, program: string): number[] {
  return service
    .children()
    .filter(({ command }) => command.includes(program))
    .map(({ pid }) => pid);
}

/** Ready, and with no changed settings on their way. */
export async function whenSettled(service: Service, server: string): Promise<void> {
  const isSettled = async () => {
    const state = (await service.serverStates()).get(server);
    return state?.state === 'ready' && state.reason === '';
  };
  await waitFor(isSettled, 10_000, `${server} to be settled`);
}

export async function argsOf(service: Service, server: string): Promise<readonly string[]> {
  const answer = await service.call(server, 'environment', {});
  return (answer.json() as { args: string[] }).args;
}

/** The log's events with this message. */
export function events(service: Service, message: string): Record<string, unknown>[] {
  return service
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((event) => event.message === message);
}
