import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from '@jest/globals';
import { fixtureFile } from './command.ts';

const programs = new Set<ChildProcess>();

afterAll(() => {
  for (const program of programs) program.kill('SIGKILL');
});

interface SeenRequest {
  readonly url: string;
  readonly method: string | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** A running test/fixtures/servers/user-http.js. */
export interface UserHttpServer {
  readonly origin: string;
  readonly port: number;
  /** From now on it answers 401 to whoever has one of these texts in his `Authorization`. */
  refuse(...texts: readonly string[]): Promise<void>;
  /** From now on it leads every request there; `undefined`: no more. */
  moveTo(url: string | undefined): Promise<void>;
  seen(): Promise<readonly SeenRequest[]>;
}

export async function startUserHttpServer(): Promise<UserHttpServer> {
  const program = spawn(process.execPath, [fixtureFile('user-http.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  programs.add(program);
  const [said] = (await once(program.stdout, 'data')) as [Buffer];
  const port = Number(/port (\d+)/.exec(String(said))?.[1]);
  const origin = `http://127.0.0.1:${port}`;
  const control = async (told: object): Promise<readonly SeenRequest[]> => {
    const answer = await fetch(`${origin}/control`, { method: 'POST', body: JSON.stringify(told) });
    return (await answer.json()) as readonly SeenRequest[];
  };
  return {
    origin,
    port,
    refuse: async (...texts) => void (await control({ refuse: texts })),
    moveTo: async (url) => void (await control({ moveTo: url ?? null })),
    seen: () => control({}),
  };
}
