import { z } from 'zod';
import { parseUrl } from '../parse-url.ts';
import { algorithm } from './auth-schema.ts';
import { parseRate, RATE_RULE } from './rate.ts';
import { secretSourceValues } from './secret-source-variables.ts';
import { textAs, variable } from './shapes.ts';
import { HOST_NAMES_RULE, LOG_LEVEL_RULE, parseHostNames, parseLogLevel } from './spellings.ts';
import { parseLogFormat } from './terminal.ts';
import { tracingVariables } from './tracing-variables.ts';
import { parseTrustProxy, TRUST_PROXY_RULE } from './trust-proxy.ts';

/** An hour: longer than any rollout waits. */
const MAX_SECONDS = 3_600;
const SECONDS_RULE = `must be a whole number of seconds, 0 to ${MAX_SECONDS}.`;

const text = variable(z.string());
const rate = variable(textAs(parseRate, RATE_RULE));
const count = variable(
  textAs((value) => (/^[1-9]\d{0,6}$/.test(value) ? Number(value) : undefined), 'must be a whole number, at least 1.'),
);
const seconds = variable(
  textAs(
    (value) => (/^\d{1,4}$/.test(value) && Number(value) <= MAX_SECONDS ? Number(value) : undefined),
    SECONDS_RULE,
  ),
);
const port = variable(
  textAs(
    (value) => (/^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : undefined),
    'must be a port from 1 to 65535, or 0 for any free one.',
  ),
);
const flag = variable(
  textAs((value) => {
    if (/^(true|1|yes|on)$/i.test(value)) return true;
    return /^(false|0|no|off)$/i.test(value) ? false : undefined;
  }, 'must be true or false.'),
);
const publicUrl = variable(
  textAs((value) => {
    const url = /^https?:\/\//i.test(value) ? parseUrl(value) : undefined;
    const isPlain =
      url !== undefined && [url.search, url.hash, url.username, url.password].every((part) => part === '');
    return isPlain ? value.replace(/\/+$/, '') : undefined;
  }, 'must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".'),
);
const list = (value: string) => value.split(/[\s,]+/).filter(Boolean);

/** The service's own variables, secrets aside. `default` is for the documents. */
export const valueSchema = z.object({
  MCPO_PUBLIC_URL: publicUrl.describe(
    'Where browsers reach the service, such as `https://tools.example.org`: the base of links in answers.',
  ),
  JWT_ALGORITHM: variable(z.string().transform(list).pipe(z.array(algorithm).min(1, 'names no algorithm.'))).describe(
    'Accepted algorithms: `HS256`, `HS384`, `HS512` with `JWT_SECRET`; `RS…`, `PS…`, `ES…` with a public key or a key set. Unset: `HS256`, or all of those.',
  ),
  JWT_EXPIRY: text.meta({ description: 'How long an issued token lasts, such as `8h`.', default: '1h' }),
  JWT_ISSUER: text.describe(
    'The issuer that tokens must name; without `JWT_SECRET` and `JWT_PUBLIC_KEY` the URL of an OpenID Connect provider, whose keys are read from it.',
  ),
  JWT_AUDIENCE: variable(z.string().transform(list)).describe(
    'Expected `aud` of tokens, separated by commas; `*` accepts tokens for any service. Required with `JWT_ISSUER` or `JWT_PUBLIC_KEY` unless `JWT_SECRET` is set.',
  ),
  MCPO_OPENWEBUI_URL: publicUrl.describe(
    'Where Open WebUI is, to ask it whose session token or `sk-` key was presented.',
  ),
  MCPO_OPENWEBUI_PUBLIC_URL: publicUrl.describe('Where users reach Open WebUI in their browsers, for links to it.'),
  MCPO_OPENWEBUI_COOKIE: flag.meta({
    description:
      '`true`: `/vault` and `/admin` offer the session that a browser has at Open WebUI. Needs `MCPO_OPENWEBUI_URL`.',
    default: 'false',
  }),
  MCPO_TRUST_USER_HEADERS: flag.meta({
    description: "`true`: Open WebUI's plain user headers are believed, from holders of a key that may assert users.",
    default: 'false',
  }),
  MCPO_TRUST_PROXY: variable(textAs(parseTrustProxy, TRUST_PROXY_RULE)).describe(
    'Proxies in front whose `X-Forwarded-*` headers are believed: addresses such as `192.0.2.10`, `10.0.0.0/8`, or `loopback`, `linklocal`, `uniquelocal`.',
  ),
  MCPO_ALLOWED_HOSTS: variable(textAs(parseHostNames, HOST_NAMES_RULE)).describe(
    'Further hosts under which the service and its pages are reached, such as `mcpo`, separated by commas.',
  ),
  MCPO_RATE_LIMIT: rate.meta({
    description: 'Calls of one user or key: a number and a time (`s`, `m`, `h`), or `off`.',
    default: '6000/1m',
  }),
  MCPO_AUTH_FAILURE_LIMIT: rate.meta({
    description: 'Failed log-ins from one address: a number and a time, or `off`.',
    default: '60/1m',
  }),
  /** Read by the vault, which checks the permissions of the file. */
  MCPO_VAULT_KEY: text.describe(
    "The vault's key: 32 bytes as base64. Several with commas: the first writes, all read. Unset: made once beside the database.",
  ),
  MCPO_VAULT_KEY_FILE: text.describe('File with that key, which only its owner may read (mode 0400 or 0600).'),
  ...secretSourceValues,
  MCPO_VAULT_LAST_FOUR: flag.meta({
    description: '`true`: users see the last four characters of what they have set.',
    default: 'false',
  }),
  MCPO_MAX_SESSIONS: count.meta({ description: 'Sessions of users at once, over all servers.', default: '1000' }),
  MCPO_MAX_SESSIONS_PER_USER: count.meta({
    description: 'Sessions of one user at once, over all servers.',
    default: '20',
  }),
  MCPO_MAX_MEMORY_MB: count.describe(
    'Memory for the service and its stdio servers, in MiB: with less left, no process is started for a user. Unset: the limit of the container, else the memory of the machine.',
  ),
  MCPO_MAX_CONNECTIONS: count.meta({ description: 'Open connections.', default: '8192' }),
  MCPO_MAX_CONNECTIONS_PER_ADDRESS: count.meta({
    description: "Open connections from one address, unless it is a trusted proxy's.",
    default: '2048',
  }),
  MCPO_PRE_STOP_SECONDS: seconds.meta({
    description:
      'After SIGTERM, how long calls are still accepted while `/readyz` already answers 503, so that load balancers notice first.',
    default: '0',
  }),
  MCPO_DRAIN_SECONDS: seconds.meta({
    description: 'After that, how long running calls may take; those that take longer are answered with 502.',
    default: '10',
  }),
  MCPO_ADMIN_EDITS: variable(
    z.enum(['off', 'remote', 'commands'], {
      error: 'must be off, remote (servers with a url) or commands (also those that run something).',
    }),
  ).meta({
    description:
      'What admins may add to the servers file at `/admin`: nothing, `remote` (servers with a `url`), or `commands` (also those that run something). Both also allow switches, names and descriptions of tools.',
    default: 'off',
  }),
  MCPO_METRICS_PORT: port.describe(
    'A port for `/metrics` alone, which needs no key there; the main port answers it with 404 then. `0` takes any free port.',
  ),
  MCPO_METRICS_HOST: text.meta({
    description: 'The address of that port; in a container `0.0.0.0`, on a network that only the monitoring reaches.',
    default: '127.0.0.1',
  }),
  MCPO_BACKUP_RECIPIENT: variable(z.string().transform(list)).describe(
    'Public keys of age (`age1…`) that `mcpo-ts backup` encrypts for, in place of a passphrase; separated by commas.',
  ),
  SECURITY_LOG_FILE: text.describe('File of the audit log; unset: no audit log.'),
  MCPO_DATA_DIR: text.meta({
    description: 'Folder of the embedded database and of generated keys.',
    default: '$XDG_DATA_HOME/mcpo-ts, or ~/.local/share/mcpo-ts',
  }),
  // Set by the image: an empty MCPO_DATA_DIR of an env_file must not lead out of its volume.
  MCPO_DEFAULT_DATA_DIR: text.describe('Set by the image to `/data`: used in place of the default of `MCPO_DATA_DIR`.'),
  MCPO_RUN_AS: variable(z.enum(['auto', 'off'], { error: 'must be auto or off.' })).meta({
    description: 'As root, `auto` gives each stdio server a user of its own, unless its `runAs` says otherwise.',
    default: 'off',
  }),
  MCPO_HOMES_DIR: text.meta({
    description: 'Folder of the homes of confined servers.',
    default: '/var/lib/mcpo-ts/homes for root, else homes in MCPO_DATA_DIR',
  }),
  MCPO_RUN_AS_UIDS: variable(textAs(parseRange, 'must be the first and the last user id, such as 60600-61099.')).meta({
    description: 'Users for that: the first and the last id.',
    default: '60600-61099',
  }),
  XDG_DATA_HOME: text.meta({ description: 'Base of the default of `MCPO_DATA_DIR`.', default: '~/.local/share' }),
  LOG_LEVEL: variable(textAs(parseLogLevel, `${LOG_LEVEL_RULE}.`)).meta({
    description: '`error`, `warn`, `info` or `debug`; `--log-level` wins over it.',
    default: 'info',
  }),
  LOG_FORMAT: variable(textAs(parseLogFormat, 'must be json or pretty.')).meta({
    description: '`json` (an object a line) or `pretty` (for people), for the log and for what a start prints.',
    default: 'pretty on a terminal, else json',
  }),
  MCPO_ACCESS_LOG: flag.meta({
    description: '`off`: no log line for each request. Failed requests and failed log-ins are logged nevertheless.',
    default: 'on',
  }),
  ...tracingVariables,
});

/** First and last user of `60600-61099`; `undefined` for anything else. */
function parseRange(given: string): { readonly first: number; readonly last: number } | undefined {
  const [, first, last] = /^(\d{1,9})\s*-\s*(\d{1,9})$/.exec(given) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first > 0 && range.first <= range.last ? range : undefined;
}
