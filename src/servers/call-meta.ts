import { hasUserPlaceholder, type PlaceholderValues, resolveTemplate } from '../placeholders/resolve-template.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { secretsOf } from './open-server-session.ts';
import type { Server } from './server.ts';
import { type Caller, readUserValues, requireUser, toPlaceholderValues } from './user-values.ts';

/** A server's words about a call may come after it. */
const LATE_OUTPUT_MS = 5_000;

/** What a server is given with one call, and what must be known of it. */
export interface CallMeta {
  readonly fields: Readonly<Record<string, string>>;
  /** Takes the caller's secret values out of what the server says of this call. */
  readonly redact: Redact;
  /** The call is over. */
  release(): void;
}

/**
 * Resolves a server's `callMeta` for the caller of one call; an entry whose placeholder has no value is left out.
 * Throws `UnauthenticatedError` where it names the user and none is known, `UserVariablesMissingError`,
 * `PlaceholderValueError` and the vault's errors.
 */
export async function resolveCallMeta(server: Server, caller: Caller): Promise<CallMeta> {
  const { config } = server;
  const { redactor } = server.generations.dependencies;
  let values: PlaceholderValues = { variables: new Map() };
  if ([...config.callMeta.values()].some(hasUserPlaceholder)) {
    const user = requireUser(caller, config, 'is given the user of each call');
    const variables = await readUserValues(user, config, () => server.title);
    values = toPlaceholderValues(user, variables, config);
  }
  const resolved = [...config.callMeta].map(([name, template]) => [name, resolveTemplate(template, values)] as const);
  const fields = Object.fromEntries(resolved.filter((entry): entry is [string, string] => entry[1] !== undefined));
  const secrets = secretsOf(config, values.variables);
  const release = redactor.hold(secrets);
  return {
    fields,
    redact: redactor.redactorFor(secrets),
    release: () => void setTimeout(release, LATE_OUTPUT_MS).unref(),
  };
}
