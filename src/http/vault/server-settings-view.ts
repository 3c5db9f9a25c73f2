import type { ServerVariables, UserVariableState } from '../../servers/user-variables.ts';

/** One entry of `GET /vault/api/servers`: what is known of a user's values, and never a value. */
export function toServerView({ server, title, variables, status }: ServerVariables): object {
  return { server, title, variables: variables.map(toVariableView), status };
}

function toVariableView({ name, variable, isSet, updatedAt, lastUsedAt }: UserVariableState): object {
  const { title, description, required, sensitive, choices, helpUrl } = variable;
  return {
    name,
    title,
    description: description ?? null,
    required,
    sensitive,
    choices: choices === undefined ? null : choices.map(({ value, label }) => ({ value, label })),
    helpUrl: helpUrl ?? null,
    is_set: isSet,
    updated_at: toTime(updatedAt),
    last_used_at: toTime(lastUsedAt),
  };
}

/** ISO 8601 in UTC. */
function toTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
