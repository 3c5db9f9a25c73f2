import { inheritedEnvironment } from '../config/environment-variables.ts';
import { hasUserPlaceholder, literalParts } from '../placeholders/resolve-template.ts';
import {
  type Check,
  type Finding,
  listNames,
  notApplicable,
  orOk,
  problem,
  type StartCheck,
  type StartSubject,
  warning,
} from './check.ts';
import { isEngine, knownFix, launchedPackage } from './packages.ts';
import { judgeEngine, judgeUrl, type LocalServer } from './server-findings.ts';

/** What the MCP servers may do, and how they are reached. */
export const serverChecks: readonly Check[] = [
  {
    id: 'server-sandbox',
    group: 'servers',
    title: 'Local servers are confined',
    worst: 'warning',
    needsServers: true,
    run: (subject) => {
      const local = ownProcesses(subject);
      if (local.length === 0) return notApplicable('No server runs as a process of this machine.');
      const open = local.filter(({ transport: { confinement } }) => !confinement?.sandbox && !confinement?.runAs);
      const advice = 'Give each "sandbox": true, or "runAs" where the service is root.';
      return orOk(
        byName(open, (names) =>
          warning(`${names}: may read everything that the service may read, its data folder too.`, advice),
        ),
        'Each has "sandbox" or "runAs".',
      );
    },
  },
  {
    id: 'server-limits',
    group: 'servers',
    title: 'Local servers have limits',
    worst: 'warning',
    needsServers: true,
    run: (subject) => {
      const local = ownProcesses(subject);
      if (local.length === 0) return notApplicable('No server runs as a process of this machine.');
      const open = local.filter(({ transport }) => transport.confinement?.limits?.memoryMb === undefined);
      const advice = 'Give each "limits", such as {"memoryMb": 1024}.';
      return orOk(
        byName(open, (names) => warning(`${names}: may use all memory of this machine.`, advice)),
        'Each has "limits" with "memoryMb".',
      );
    },
  },
  {
    id: 'inherited-environment',
    group: 'servers',
    title: "No server gets the service's whole environment",
    worst: 'warning',
    needsServers: true,
    run: (subject) => {
      const { variables, platform } = subject.environment;
      const usual = inheritedEnvironment({ environment: variables, inheritEnv: [], given: new Map(), platform });
      const all = localServers(subject).filter(({ transport: { inheritedEnv, withheld } }) => {
        const hasMore = Object.keys(inheritedEnv).some(
          (name) => variables.has(name) && !(name in usual) && !subject.environment.envFile.has(name),
        );
        return withheld.length === 0 && hasMore;
      });
      const advice = 'Name the variables that the server needs in "inheritEnv" or "env" in place of "*".';
      return orOk(
        byName(all, (names) => warning(`${names}: gets every variable of the service but its own settings.`, advice)),
        'None does.',
      );
    },
  },
  {
    id: 'unpinned-packages',
    group: 'servers',
    title: 'Downloaded servers have a fixed version',
    worst: 'warning',
    needsServers: true,
    run: (subject) => {
      const findings = localServers(subject).flatMap(({ name, command, args }) => {
        const launched = launchedPackage(command, args);
        if (launched === undefined || launched.isPinned) return [];
        const { name: title, version } = launched;
        const what =
          version === undefined ? `${title} without a version` : `${title} ${version}, which is no fixed version`;
        return [
          warning(
            `${name}: runs ${what}: whoever can publish it runs code here at the next start.`,
            'Write the version that you have looked at, such as name@1.2.3 for npx, name==1.2.3 for uvx, a tag or digest for an image.',
          ),
        ];
      });
      return orOk(findings, 'Each has one, or is installed here.');
    },
  },
  {
    id: 'arguments-with-values',
    group: 'servers',
    title: "Arguments contain no user's values",
    worst: 'warning',
    needsServers: true,
    run: (subject) => {
      const open = localServers(subject).filter(({ transport }) => transport.args.some(hasUserPlaceholder));
      const advice = 'Pass the value in "env", if the server reads it there.';
      return orOk(
        byName(open, (names) => warning(`${names}: the process list shows values of users.`, advice)),
        'None does.',
      );
    },
  },
  {
    id: 'open-urls',
    group: 'servers',
    title: "Users' values cannot lead a URL to other places",
    worst: 'warning',
    needsServers: true,
    run: ({ settings }) => {
      const open = settings.servers.filter(
        ({ transport, allowPrivateAddresses, rawUrlPlaceholders, allowedHosts }) =>
          transport.type !== 'stdio' &&
          hasUserPlaceholder(transport.url) &&
          (allowPrivateAddresses || (rawUrlPlaceholders && allowedHosts?.includes('*'))),
      );
      const advice = 'Remove "allowPrivateAddresses", or name the hosts in "allowedHosts".';
      return orOk(
        byName(open, (names) =>
          warning(`${names}: a user's value may lead to addresses of the inner network.`, advice),
        ),
        'None can.',
      );
    },
  },
];

/** Of these, a problem is also logged at every start. */
export const serverStartChecks: readonly StartCheck[] = [
  {
    id: 'container-engine',
    group: 'servers',
    title: 'No server controls the container engine',
    worst: 'problem',
    atStart: true,
    needsServers: true,
    run: (subject) => orOk(localServers(subject).flatMap(judgeEngine), 'None does.'),
  },
  {
    id: 'plain-http',
    group: 'servers',
    title: 'Credentials travel to servers over TLS',
    worst: 'problem',
    atStart: true,
    needsServers: true,
    run: ({ settings }) =>
      orOk(settings.servers.flatMap(judgeUrl), 'Each remote server has https, or is this machine.'),
  },
  {
    id: 'known-holes',
    group: 'servers',
    title: 'No server has a version with a known hole',
    worst: 'problem',
    atStart: true,
    needsServers: true,
    run: (subject) => {
      const findings = localServers(subject).flatMap(({ name, command, args }) => {
        const launched = launchedPackage(command, args);
        const fix = launched && knownFix(launched);
        if (launched === undefined || fix === undefined) return [];
        return [
          problem(
            `${name}: ${launched.name} ${launched.version} has a known hole (${fix.advisory}).`,
            `Use version ${fix.version} or later.`,
          ),
        ];
      });
      return orOk(findings, 'None is known; this list has few servers, so look at the advisories of yours, too.');
    },
  },
];

function localServers({ settings }: Pick<StartSubject, 'settings'>): readonly LocalServer[] {
  return settings.servers.flatMap(({ name, transport }) =>
    transport.type === 'stdio'
      ? [{ name, transport, command: literalParts(transport.command), args: transport.args.map(literalParts) }]
      : [],
  );
}

/** Without those whose process is only the client of a container engine. */
function ownProcesses(subject: Pick<StartSubject, 'settings'>): readonly LocalServer[] {
  return localServers(subject).filter(({ command }) => !isEngine(command));
}

function byName(
  servers: readonly { readonly name: string }[],
  toFinding: (names: string) => Finding,
): readonly Finding[] {
  return servers.length === 0 ? [] : [toFinding(listNames(servers.map(({ name }) => name)))];
}
