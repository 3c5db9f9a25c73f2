import { apiKeyWeakness } from '../config/secret-strength.ts';
import { decoded } from '../config/secret-variables.ts';
import { parseUrl } from '../parse-url.ts';
import { type Check, type Finding, notApplicable, ok, orOk, problem, type StartCheck, warning } from './check.ts';
import { isLoopback } from './hosts.ts';

/** Who may call, and with what. */
export const accessChecks: readonly Check[] = [
  {
    id: 'authentication',
    group: 'access',
    title: 'Callers must authenticate',
    worst: 'problem',
    run: ({ settings }) => {
      if (settings.hasAuthentication) return ok('Credentials are required.');
      const advice = 'Set MCPO_API_KEY to a random key, such as "openssl rand -hex 32" prints.';
      if (isLoopback(settings.host)) {
        return [warning('Every program on this machine may call every tool.', advice)];
      }
      return [problem(`Anyone who can reach ${settings.host} may call every tool.`, advice)];
    },
  },
  {
    id: 'weak-secrets',
    group: 'access',
    title: 'Secrets are random and long enough',
    worst: 'problem',
    run: ({ weakSecrets, secrets }) => {
      const advice = 'Replace it with a random one, such as "openssl rand -hex 32" prints.';
      const weak = weakSecrets.map(({ key = '', message }) => problem(`${key} ${withoutAdvice(message)}.`, advice));
      return orOk([...weak, ...weakPasswords(secrets)], 'No weak or well-known secret was found.');
    },
  },
  {
    id: 'key-on-command-line',
    group: 'access',
    title: 'No key is given on the command line',
    worst: 'warning',
    run: ({ options }) =>
      options.apiKey === undefined
        ? ok('--api-key is not used.')
        : [
            warning(
              "--api-key is in the shell's history and, until the service has masked it, in the process list.",
              'Use MCPO_API_KEY or MCPO_API_KEY_FILE.',
            ),
          ],
  },
  {
    id: 'documents-open',
    group: 'access',
    title: 'Documents and docs need a key',
    worst: 'warning',
    run: ({ settings }) => {
      if (!settings.hasAuthentication) return notApplicable('There is no authentication.');
      if (settings.strictAuth) return ok('--strict-auth is on.');
      const message = 'The OpenAPI documents and /docs can be read without a key.';
      return [warning(message, 'Start with --strict-auth, and register the connections in Open WebUI with a key.')];
    },
  },
  {
    id: 'cors',
    group: 'access',
    title: 'Only known origins may call from browsers',
    worst: 'warning',
    run: ({ settings }) => {
      const { corsAllowOrigins = settings.hasAuthentication ? ['*'] : [] } = settings;
      if (!corsAllowOrigins.includes('*')) return ok(`Origins: ${corsAllowOrigins.join(', ') || 'none'}.`);
      const advice = 'Start with --cors-allow-origins https://chat.example.org, the address of Open WebUI.';
      return [warning('Pages of every origin may call with a key that they have.', advice)];
    },
  },
  {
    id: 'token-audience',
    group: 'access',
    title: 'Tokens must be meant for this service',
    worst: 'warning',
    run: ({ secrets }) => {
      const { issuers } = secrets.auth;
      if (issuers.length === 0) return notApplicable('No tokens are accepted.');
      const findings = issuers
        // What is signed with JWT_SECRET is meant for us.
        .filter(({ audiences, scopes }) => audiences.length === 0 && scopes.kind !== 'own')
        .map(({ issuer = 'JWT_PUBLIC_KEY' }) =>
          warning(
            `Tokens of ${issuer} are accepted whatever service they were issued for.`,
            'Name the audience of this service in JWT_AUDIENCE or "audience" of auth.issuers.',
          ),
        );
      return orOk(findings, 'Every issuer has an audience.');
    },
  },
  {
    id: 'user-headers',
    group: 'access',
    title: 'Users are known by signed tokens, not by plain headers',
    worst: 'warning',
    run: ({ secrets, settings }) => {
      const { trustUserHeaders, userJwtSecret } = secrets.auth.openWebUi;
      if (!trustUserHeaders || userJwtSecret !== undefined) return ok('Plain user headers are not believed.');
      const where = isLoopback(settings.host) ? '' : `, and ${settings.host} can be reached from other machines`;
      const message = `MCPO_TRUST_USER_HEADERS is on${where}: whoever has the key may act as any user.`;
      return [warning(message, 'Set MCPO_OPENWEBUI_USER_JWT_SECRET, and the same secret in Open WebUI.')];
    },
  },
  {
    id: 'rate-limit',
    group: 'access',
    title: 'Calls are limited for each caller',
    worst: 'warning',
    run: ({ settings }) =>
      settings.rateLimit.calls === 'off'
        ? [
            warning(
              'MCPO_RATE_LIMIT is off: one caller can take all capacity.',
              'Remove it for 6000/1m, or set a rate.',
            ),
          ]
        : ok('A rate is set.'),
  },
];

/** Of these, a problem is also logged at every start. */
export const accessStartChecks: readonly StartCheck[] = [
  {
    id: 'log-in-limit',
    group: 'access',
    title: 'Failed log-ins are limited',
    worst: 'problem',
    atStart: true,
    run: ({ settings }) => {
      if (!settings.hasAuthentication) return notApplicable('There is no authentication.');
      if (settings.rateLimit.authFailures !== 'off') return ok('A rate is set.');
      const message = 'MCPO_AUTH_FAILURE_LIMIT is off: keys can be guessed at full speed.';
      const advice = 'Remove it for 60/1m, or set a rate.';
      return [isLoopback(settings.host) ? warning(message, advice) : problem(message, advice)];
    },
  },
  {
    id: 'admin-edits',
    group: 'access',
    title: 'The admin page cannot add commands',
    worst: 'problem',
    atStart: true,
    run: ({ settings }) => {
      if (settings.adminEdits !== 'commands') return ok(`MCPO_ADMIN_EDITS is ${settings.adminEdits}.`);
      const advice = 'Set MCPO_ADMIN_EDITS=remote or off when the servers are set up.';
      const message = 'MCPO_ADMIN_EDITS=commands: whoever has an admin credential can run any program here';
      const isEncrypted = settings.tls !== undefined || settings.publicUrl?.startsWith('https:') === true;
      if (isEncrypted || isLoopback(settings.host)) return [warning(`${message}.`, advice)];
      return [problem(`${message}, and it travels unencrypted.`, `${advice} Use TLS.`)];
    },
  },
];

/** `has fewer than 16 characters; use …` says what to do in the words of a start. */
function withoutAdvice(message: string): string {
  return message.split(';')[0] ?? message;
}

function weakPasswords({ databaseUrl, redisUrl }: { databaseUrl: string | undefined; redisUrl: string | undefined }) {
  const urls = [
    ['MCPO_DATABASE_URL', databaseUrl],
    ['MCPO_REDIS_URL', redisUrl],
  ] as const;
  return urls.flatMap(([name, url]): Finding[] => {
    const { password = '', hostname = '' } = (url && parseUrl(url)) || {};
    const advice = 'Give the user a random password, and close the port to other machines.';
    if (url === undefined) return [];
    if (password === '') {
      return isLoopback(hostname) || hostname === ''
        ? []
        : [warning(`${name} has no password, and ${hostname} is another machine.`, advice)];
    }
    const weakness = apiKeyWeakness(decoded(password) ?? password);
    return weakness === undefined ? [] : [warning(`The password in ${name} ${withoutAdvice(weakness)}.`, advice)];
  });
}
