import type { Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { databaseFile } from '../db/database-file.ts';
import { storageWarning } from '../service/container-storage.ts';
import {
  type Check,
  type Finding,
  notApplicable,
  ok,
  orOk,
  problem,
  type StartCheck,
  type StartSubject,
  warning,
} from './check.ts';
import { notSeen, statsOf } from './look.ts';

/** Whom the files and folders of the service let in. */
export const fileStartChecks: readonly StartCheck[] = [
  {
    id: 'data-folder',
    group: 'files',
    title: 'Only the service can enter its data folder',
    worst: 'problem',
    atStart: true,
    run: (subject) => {
      const { dataDir } = subject;
      const stats = statsOf(dataDir);
      if (stats === 'missing') return notApplicable(`${dataDir} does not exist yet.`);
      if (stats === 'closed') return [notSeen(dataDir)];
      const findings = [...judgeOwner(dataDir, stats, subject)];
      if (isPosix() && (stats.mode & 0o077) !== 0) {
        findings.push(
          problem(`${dataDir} is open to other users (mode ${modeOf(stats)}).`, `Run: chmod 700 ${dataDir}`),
        );
      }
      return orOk(findings, `${dataDir} has mode ${modeOf(stats)}.`);
    },
  },
  {
    id: 'secret-files',
    group: 'files',
    title: 'Files with secrets are readable by the service only',
    worst: 'problem',
    atStart: true,
    run: (subject) => {
      const files = secretFiles(subject);
      const closed = files.filter((file) => statsOf(file) === 'closed');
      const findings = [
        ...files.flatMap((file) => judgeSecretFile(file, subject)),
        ...(closed.length === 0 ? [] : [notSeen(...closed)]),
      ];
      const names = files.filter((file) => statsOf(file) !== 'missing').length;
      return orOk(findings, names === 1 ? 'One file was checked.' : `${names} files were checked.`);
    },
  },
  {
    id: 'servers-file',
    group: 'files',
    title: 'Only the admin can change the servers file',
    worst: 'problem',
    atStart: true,
    run: (subject) => {
      const { configFile } = subject.settings;
      if (configFile === undefined) return notApplicable('There is no servers file.');
      const file = resolve(configFile);
      const stats = statsOf(file);
      if (typeof stats === 'string') return [notSeen(file)];
      if (!isPosix()) return ok('This system has no modes.');
      const folder = dirname(file);
      const runs = 'its commands run with the rights of the service';
      const findings = [
        ...judgeWritable(file, stats, `and ${runs}`),
        // With the sticky bit, only a file's owner may replace it; what is mounted into a container is replaced outside.
        ...(subject.system.isContainer
          ? []
          : judgeWritable(folder, statsOf(folder), 'who can replace the servers file')),
      ];
      return orOk(findings, `${file} has mode ${modeOf(stats)}.`);
    },
  },
];

export const fileChecks: readonly Check[] = [
  {
    id: 'audit-log-file',
    group: 'files',
    title: 'Only the service and its admin read the audit log',
    worst: 'warning',
    run: ({ settings: { audit } }) => {
      if (audit.file === undefined) return notApplicable('There is no audit log.');
      const stats = statsOf(audit.file);
      if (stats === 'missing') return notApplicable(`${audit.file} does not exist yet.`);
      if (stats === 'closed') return [notSeen(audit.file)];
      if (isPosix() && (stats.mode & 0o027) !== 0) {
        return [
          warning(`${audit.file} is open to other users (mode ${modeOf(stats)}).`, `Run: chmod 640 ${audit.file}`),
        ];
      }
      return ok(`${audit.file} has mode ${modeOf(stats)}.`);
    },
  },
  {
    id: 'vault-key-place',
    group: 'files',
    title: "The vault's key is not stored beside the database",
    worst: 'warning',
    run: ({ environment: { values }, secrets, dataDir }) => {
      if (secrets.databaseUrl !== undefined) return ok('The database is elsewhere.');
      if (values.MCPO_VAULT_KEY !== undefined) return ok("The key is in the service's environment.");
      const own = join(dataDir, 'vault.key');
      const file = values.MCPO_VAULT_KEY_FILE ?? own;
      const stats = statsOf(file);
      if (stats === 'missing') return notApplicable('There is no key of the vault yet.');
      if (stats === 'closed') return [notSeen(file)];
      if (!resolve(file).startsWith(`${resolve(dataDir)}/`)) return ok(`The key is in ${file}.`);
      const message = `${file} is in the same folder as ${databaseFile(dataDir)}: one stolen copy has both.`;
      return [
        warning(
          message,
          'Move the key to another volume or a secret store, and set MCPO_VAULT_KEY_FILE or MCPO_VAULT_KEY.',
        ),
      ];
    },
  },
  {
    id: 'data-volume',
    group: 'files',
    title: 'The data folder survives the container',
    worst: 'problem',
    run: ({ dataDir, system, secrets }) => {
      if (!system.isContainer) return notApplicable('This is not a container.');
      if (secrets.databaseUrl !== undefined) return notApplicable('The data is in PostgreSQL.');
      const lost = storageWarning(dataDir, system);
      return lost === undefined
        ? ok(`${dataDir} is on a volume.`)
        : [
            problem(
              `${dataDir} is not on a volume: database, vault and key are lost with this container.`,
              'Mount a volume there, as in: docker run -v mcpo-data:/data',
            ),
          ];
    },
  },
];

/** Those that exist or should: the keys, the environment, TLS, and the database itself. */
function secretFiles({ dataDir, environment, options, settings }: StartSubject): readonly string[] {
  const named = [...environment.variables].flatMap(([name, file]) =>
    /^(MCPO_|JWT_|API_KEY|WEBUI_).*_FILE$/.test(name) && file.trim() !== '' ? [file.trim()] : [],
  );
  const database = databaseFile(dataDir);
  const own = [join(dataDir, 'vault.key'), join(dataDir, 'audit.key'), database, `${database}-wal`];
  const given = [options.envPath, settings.tls?.keyFile].filter((file) => file !== undefined);
  return [...new Set([...own, ...given, ...named].map((file) => resolve(file)))];
}

function judgeSecretFile(file: string, subject: StartSubject): readonly Finding[] {
  const stats = statsOf(file);
  if (typeof stats === 'string' || !isPosix()) return [];
  const findings = [...judgeOwner(file, stats, subject)];
  const isOpen = (bits: number) => (stats.mode & bits) !== 0;
  const message = (who: string) => `${file} is open to ${who} (mode ${modeOf(stats)}).`;
  const advice = `Run: chmod 600 ${file}`;
  if (isAlone(subject)) {
    if (isOpen(0o002)) findings.push(warning(message('every user'), advice));
  } else if (isOpen(0o007)) {
    findings.push(problem(message('every user'), advice));
  } else if (isOpen(0o070)) {
    findings.push(warning(message('its group'), advice));
  }
  return findings;
}

/** A secret of Docker or Kubernetes has mode 0444 or 0440; in a container, only servers can be other users. */
function isAlone({ system, settings }: StartSubject): boolean {
  const runsAs = ({ transport }: (typeof settings.servers)[number]) =>
    transport.type === 'stdio' && transport.confinement?.runAs !== undefined;
  return system.isContainer && !settings.servers.some(runsAs);
}

function judgeWritable(path: string, stats: Stats | string, consequence: string): readonly Finding[] {
  if (typeof stats === 'string' || (stats.mode & 0o022) === 0 || (stats.mode & 0o1000) !== 0) return [];
  const who = (stats.mode & 0o002) === 0 ? 'its group' : 'every user';
  const message = `${path} can be changed by ${who} (mode ${modeOf(stats)}), ${consequence}.`;
  const advice = `Run: chmod go-w ${path}`;
  return [who === 'its group' ? warning(message, advice) : problem(message, advice)];
}

/** A file of another user can be changed by that user. */
function judgeOwner(path: string, stats: Stats, { system }: StartSubject): readonly Finding[] {
  if (!isPosix() || system.uid === undefined || system.uid === 0) return [];
  if (stats.uid === system.uid || stats.uid === 0) return [];
  const message = `${path} belongs to user ${stats.uid}, and this command runs as ${system.uid}.`;
  return [
    warning(message, 'Give it to the user of the service with chown; if that is another user, run this as that one.'),
  ];
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function isPosix(): boolean {
  return process.platform !== 'win32';
}
