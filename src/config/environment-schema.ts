import { z } from 'zod';
import { parseUrl } from '../parse-url.ts';
import { ALLOWED_HOST_RULE, parseAllowedHosts } from './allowed-hosts.ts';
import { algorithm } from './auth-schema.ts';
import { readRange } from './confinement.ts';
import { parseLogLevel } from './log-level.ts';
import { parseRate, RATE_RULE } from './rate.ts';
import { parseTrustProxy, TRUST_PROXY_RULE } from './trust-proxy.ts';

// An empty variable is what `-e NAME=` of a container and an unfilled template leave behind: it counts as unset.
const optionalText = z.string().transform((value) => (value.trim() === '' ? undefined : value.trim()));

const publicUrl = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const url = /^https?:\/\//i.test(value) ? parseUrl(value) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    context.addIssue({
      code: 'custom',
      message: 'must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".',
    });
    return z.NEVER;
  }
  return value.replace(/\/+$/, '');
});

const logLevel = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const level = parseLogLevel(value);
  if (level !== undefined) return level;
  context.addIssue({ code: 'custom', message: 'must be one of error, warn, info, debug.' });
  return z.NEVER;
});

const logFormat = optionalText.transform((value, context) => {
  const format = value?.toLowerCase();
  if (format === undefined || format === 'json' || format === 'pretty') return format;
  context.addIssue({ code: 'custom', message: 'must be json or pretty.' });
  return z.NEVER;
});

const algorithms = optionalText.transform((value, context) => {
  const checked = z.array(algorithm).safeParse(value?.split(/[\s,]+/).filter(Boolean) ?? []);
  if (checked.success) return checked.data.length === 0 ? undefined : checked.data;
  context.addIssue({ code: 'custom', message: checked.error.issues[0]?.message ?? 'is no algorithm.' });
  return z.NEVER;
});

const rate = optionalText.transform((value, context) => {
  const parsed = value === undefined ? undefined : parseRate(value);
  if (value !== undefined && parsed === undefined) context.addIssue({ code: 'custom', message: RATE_RULE });
  return parsed;
});

const trustProxy = optionalText.transform((value, context) => {
  const parsed = value === undefined ? undefined : parseTrustProxy(value);
  if (value !== undefined && parsed === undefined) context.addIssue({ code: 'custom', message: TRUST_PROXY_RULE });
  return parsed;
});

const allowedHosts = optionalText.transform((value, context) => {
  const hosts = parseAllowedHosts(value ?? '');
  if (hosts !== undefined) return hosts;
  context.addIssue({ code: 'custom', message: ALLOWED_HOST_RULE });
  return z.NEVER;
});

const flag = optionalText.transform((value, context) => {
  if (value === undefined || /^(false|0|no|off)$/i.test(value)) return false;
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  context.addIssue({ code: 'custom', message: 'must be true or false.' });
  return z.NEVER;
});

const positiveCount = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  context.addIssue({ code: 'custom', message: 'must be a whole number, at least 1.' });
  return z.NEVER;
});

const runAs = optionalText.refine((value) => value === undefined || value === 'auto' || value === 'off', {
  message: 'must be auto or off.',
});

const uidRange = optionalText.refine((value) => value === undefined || readRange(value) !== undefined, {
  message: 'must be the first and the last user id, such as 60600-61099.',
});

/** The variables that the service reads, its secrets aside. */
export const environmentSchema = z.object({
  MCPO_PUBLIC_URL: publicUrl.optional(),
  JWT_ALGORITHM: algorithms.optional(),
  JWT_EXPIRY: optionalText.optional(),
  JWT_ISSUER: optionalText.optional(),
  JWT_AUDIENCE: optionalText.optional(),
  MCPO_OPENWEBUI_URL: publicUrl.optional(),
  MCPO_TRUST_USER_HEADERS: flag.optional(),
  MCPO_TRUST_PROXY: trustProxy.optional(),
  MCPO_ALLOWED_HOSTS: allowedHosts.optional(),
  MCPO_RATE_LIMIT: rate.optional(),
  MCPO_AUTH_FAILURE_LIMIT: rate.optional(),
  MCPO_VAULT_KEY: optionalText.optional(),
  MCPO_VAULT_KEY_FILE: optionalText.optional(),
  MCPO_VAULT_LAST_FOUR: flag.optional(),
  MCPO_MAX_SESSIONS: positiveCount.optional(),
  MCPO_MAX_SESSIONS_PER_USER: positiveCount.optional(),
  MCPO_MAX_CONNECTIONS: positiveCount.optional(),
  MCPO_MAX_CONNECTIONS_PER_ADDRESS: positiveCount.optional(),
  SECURITY_LOG_FILE: optionalText.optional(),
  MCPO_DATA_DIR: optionalText.optional(),
  // Set by the image: an empty MCPO_DATA_DIR of an env_file must not lead out of its volume.
  MCPO_DEFAULT_DATA_DIR: optionalText.optional(),
  MCPO_RUN_AS: runAs.optional(),
  MCPO_RUN_AS_UIDS: uidRange.optional(),
  XDG_DATA_HOME: optionalText.optional(),
  LOG_LEVEL: logLevel.optional(),
  LOG_FORMAT: logFormat.optional(),
});
