import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { parseArgs } from 'node:util';
import { dataFolder, dataFolderWith } from '../config/data-folder.ts';
import { parseUrl } from '../parse-url.ts';
import { readRuntimeFiles } from '../service/runtime-file.ts';

const TIMEOUT_MS = 4_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const DEFAULT_PORT = '8000';

const USAGE = `Usage: mcpo-ts health [--ready] [--port PORT | --url URL] [--env-path FILE]

Asks the service that runs on this machine whether it works; exit code 0 if it does, else 1 and a line that says why.
Without --port and --url it asks every service that runs with this data folder (MCPO_DATA_DIR).

Options:
  --ready            ask /readyz in place of /healthz: every required server is ready, and the service is not ending
  -p, --port <port>  ask only the service on this port
  --url <url>        ask the service at this URL, such as https://tools.example.org
  --env-path <file>  dotenv file with MCPO_DATA_DIR, as the service was given
  --help             show this help
`;

interface Target {
  readonly url: string;
  /** The answer must be of this process. */
  readonly instance?: string;
  /** Its certificate need not be valid: it is this machine's own, and `instance` shows whose answer it is. */
  readonly isLocal: boolean;
}

/**
 * `mcpo-ts health`, for container health checks and probes: loads little, sends no credentials and follows no redirect.
 * Returns the exit code: 2 for a usage error.
 */
export async function health(args: readonly string[]): Promise<0 | 1 | 2> {
  let flags: ReturnType<typeof parseFlags>;
  try {
    flags = parseFlags(args);
  } catch (error) {
    return complain((error as Error).message, 2);
  }
  if (flags.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const targets = await findTargets(flags);
    await Promise.all(targets.map((places) => askAny(places, flags.ready === true ? '/readyz' : '/healthz')));
    return 0;
  } catch (error) {
    return complain((error as Error).message, 1);
  }
}

function parseFlags(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ready: { type: 'boolean' },
      port: { type: 'string', short: 'p' },
      url: { type: 'string' },
      'env-path': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const { port, url } = values;
  if (port !== undefined && url !== undefined) throw new Error('--port and --url: keep one of them.');
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535)) {
    throw new Error(`--port must be a number from 1 to 65535, and is "${port}".`);
  }
  if (url !== undefined && !/^https?:$/.test(parseUrl(url)?.protocol ?? '')) {
    throw new Error('--url must be an http or https URL such as https://tools.example.org.');
  }
  return values;
}

/** Each target is a list of places of which one must answer. */
async function findTargets(flags: ReturnType<typeof parseFlags>): Promise<readonly (readonly Target[])[]> {
  const { port, url, 'env-path': envPath } = flags;
  if (url !== undefined) return [[{ url: url.replace(/[?#].*/s, '').replace(/\/+$/, ''), isLocal: isLoopback(url) }]];
  const { running, ended } = readRuntimeFiles(envPath === undefined ? dataFolder() : await dataFolderWith(envPath));
  const found = running.filter((service) => port === undefined || portOf(service.url) === port);
  if (found.length > 0) return found.map(({ url: own, instance }) => [{ url: own, instance, isLocal: true }]);
  const [dead] = ended;
  if (dead !== undefined && port === undefined) {
    throw new Error(`process ${dead.pid}, which listened on ${dead.url}, has ended without cleaning up.`);
  }
  // A service that can write nowhere.
  const base = `127.0.0.1:${port ?? DEFAULT_PORT}`;
  return [['http', 'https'].map((scheme) => ({ url: `${scheme}://${base}`, isLocal: true }))];
}

/** Rejects with an `Error` that says in a sentence why nothing usable was answered by any of them. */
async function askAny(targets: readonly Target[], path: string): Promise<void> {
  const failures: Error[] = [];
  for (const target of targets) {
    try {
      return await ask(target, path);
    } catch (error) {
      failures.push(error as Error);
      // Another protocol would not help.
      if (error instanceof StateError || isRefused(error)) break;
    }
  }
  throw failures[0];
}

/** The service answered, and is not well. */
class StateError extends Error {}

async function ask({ url, instance, isLocal }: Target, path: string): Promise<void> {
  const { status, body } = await get(`${url}${path}`, isLocal);
  const answer = parseAnswer(body);
  if (answer === undefined) throw new Error(`${url}${path} answered ${status}, but not as mcpo-ts does.`);
  if (instance !== undefined && answer.instance !== instance) {
    throw new StateError(`another service answers at ${url}.`);
  }
  if (status === 200) return;
  const waiting = Object.entries(answer.servers ?? {}).filter(
    ([, server]) => server.required && server.state !== 'ready',
  );
  const names = waiting.map(([name, { state }]) => `${name} (${state})`).join(', ');
  throw new StateError(`${url} is ${answer.status}${names === '' ? '' : `: waiting for ${names}`}.`);
}

interface Answer {
  readonly status: string;
  readonly instance: string;
  readonly servers?: Readonly<Record<string, { readonly state: string; readonly required: boolean }>>;
}

function parseAnswer(body: string): Answer | undefined {
  try {
    const answer = JSON.parse(body) as Partial<Answer> | null;
    const isOurs = typeof answer?.status === 'string' && typeof answer.instance === 'string';
    return isOurs ? (answer as Answer) : undefined;
  } catch {
    return undefined;
  }
}

function get(url: string, isLocal: boolean): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      outgoing.destroy(new Error(`${url} did not answer within ${TIMEOUT_MS / 1000} s.`));
    }, TIMEOUT_MS);
    const start = url.startsWith('https:') ? requestHttps : requestHttp;
    // No proxy of the environment, and no connection that is kept.
    const outgoing = start(url, { agent: false, rejectUnauthorized: !isLocal }, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > MAX_ANSWER_BYTES) outgoing.destroy(new Error(`${url} answered too much.`));
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      incoming.on('error', reject);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error;
      reject(code === undefined ? error : new Error(`${url} cannot be reached (${code}).`, { cause: error }));
    });
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.end();
  });
}

function isRefused(error: unknown): boolean {
  const { cause } = error as Error;
  return ['ECONNREFUSED', 'EHOSTUNREACH'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(parseUrl(url)?.hostname ?? '');
}

function portOf(url: string): string | undefined {
  const { port, protocol } = parseUrl(url) ?? {};
  return port !== '' ? port : protocol === 'https:' ? '443' : '80';
}

function complain(message: string, code: 1 | 2): 1 | 2 {
  process.stderr.write(`mcpo-ts health: ${message}\n`);
  return code;
}
