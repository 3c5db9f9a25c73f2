import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSecretName } from '../config/hide-secrets.ts';
import { formatConfigProblem } from '../errors.ts';
import { type Check, listNames, notApplicable, ok, orOk, problem, type StartCheck, unknown, warning } from './check.ts';
import { notSeen, statsOf } from './look.ts';

/** When each release of Node.js gets its last fixes: https://github.com/nodejs/Release/blob/main/schedule.json */
const NODE_END_OF_LIFE: ReadonlyMap<number, string> = new Map([
  [20, '2026-04-30'],
  [21, '2024-06-01'],
  [22, '2027-04-30'],
  [23, '2025-06-01'],
  [24, '2028-04-30'],
  [25, '2026-06-01'],
]);

/** The configuration as a whole, the process and what it runs on. */
export const platformChecks: readonly Check[] = [
  {
    id: 'configuration',
    group: 'platform',
    title: 'The configuration is valid',
    worst: 'problem',
    run: ({ configProblems, configWarnings, hasServers, options }) => {
      const left = hasServers ? '' : ' The checks of servers were left out.';
      const advice = `Correct it; "mcpo-ts check" says when it is right.${left}`;
      const findings = [
        ...configProblems.map((one) => problem(formatConfigProblem(one), advice)),
        ...configWarnings.map((one) =>
          warning(formatConfigProblem(one), 'Correct it, or ignore this if it is intended.'),
        ),
      ];
      if (findings.length === 0 && !hasServers) return [unknown('There is no servers file.', 'Name it with --config.')];
      return orOk(
        findings,
        options.config === undefined ? 'The command line is valid.' : `${options.config} is valid.`,
      );
    },
  },
  {
    id: 'literal-secrets',
    group: 'files',
    title: 'The servers file contains no secrets',
    worst: 'warning',
    needsServers: true,
    run: ({ settings: { configFile } }) => {
      if (configFile === undefined) return notApplicable('There is no servers file.');
      const names = literalSecretNames(readFileSync(configFile, 'utf8'));
      if (names.length === 0) return ok('None was found by its name.');
      return [
        warning(
          `${configFile} contains the values of ${listNames(names)}.`,
          'Write ${env:NAME} or ${file:/run/secrets/name} in their place, and replace the values if others have seen the file.',
        ),
      ];
    },
  },
  {
    id: 'running',
    group: 'platform',
    title: 'The service runs',
    worst: 'warning',
    run: ({ running, dataDir }) => {
      if (running.length > 0) {
        return ok(running.map(({ pid, url, version }) => `Process ${pid}, version ${version}, at ${url}.`).join(' '));
      }
      if (statsOf(join(dataDir, 'run')) === 'closed') return [notSeen(join(dataDir, 'run'))];
      const message = `No service runs with the data folder ${dataDir}.`;
      return [unknown(message, 'What only a running service shows was left out.')];
    },
  },
  {
    id: 'node-version',
    group: 'platform',
    title: 'Node.js gets security fixes',
    worst: 'warning',
    run: ({ system: { nodeVersion }, now }) => {
      const end = NODE_END_OF_LIFE.get(Number.parseInt(nodeVersion, 10));
      if (end === undefined || Date.parse(end) > now) {
        return ok(end === undefined ? `Node.js ${nodeVersion}.` : `Node.js ${nodeVersion}, until ${end}.`);
      }
      const message = `Node.js ${nodeVersion} has had no fixes of its project since ${end}.`;
      return [
        warning(message, 'Use a current release with long-term support, or one that your distribution maintains.'),
      ];
    },
  },
  {
    id: 'log-level',
    group: 'platform',
    title: 'The log has no details of requests',
    worst: 'warning',
    run: ({ settings: { logLevel } }) =>
      logLevel === 'debug'
        ? [
            warning(
              'The log level is debug: the log grows fast and says much about users.',
              'Set LOG_LEVEL=info when you have found what you look for.',
            ),
          ]
        : ok(`The log level is ${logLevel}.`),
  },
];

export const platformStartChecks: readonly StartCheck[] = [
  {
    id: 'root',
    group: 'platform',
    title: 'The service does not run as root',
    worst: 'problem',
    atStart: true,
    run: ({ system: { uid, isContainer }, settings }) => {
      if (uid !== 0) return uid === undefined ? notApplicable('This system has no root.') : ok(`User id ${uid}.`);
      const local = settings.servers.filter(({ transport }) => transport.type === 'stdio');
      const asRoot = local.filter(({ transport }) => transport.type === 'stdio' && !transport.confinement?.runAs);
      const where = isContainer ? ' of this container' : '';
      const advice = 'Run it as a user of its own, or set MCPO_RUN_AS=auto, so that each server gets one.';
      if (asRoot.length > 0) {
        const names = listNames(asRoot.map(({ name }) => name));
        return [problem(`The service is root${where}, and so are its servers: ${names}.`, advice)];
      }
      return local.length > 0
        ? ok('The service is root, which gives each server a user of its own.')
        : [warning(`The service is root${where}, which it does not need.`, advice)];
    },
  },
];

/** Names of settings that sound secret and have their value in the text itself. */
function literalSecretNames(text: string): readonly string[] {
  const pairs = text.matchAll(/"([^"\\]{1,100})"\s*:\s*"((?:[^"\\]|\\.){4,})"/g);
  const names = [...pairs].flatMap(([, name = '', value = '']) => {
    const isSecret = isSecretName(name) || /^(proxy-)?authorization$|^x-api-key$|^cookie$/i.test(name);
    // A digest of a key is no secret, and neither is a placeholder.
    return isSecret && name !== 'hash' && !/\$\{|\{\{/.test(value) ? [name] : [];
  });
  return [...new Set(names)];
}
