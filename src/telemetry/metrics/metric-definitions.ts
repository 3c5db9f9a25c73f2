type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
}

/**
 * Every metric of the service itself. Label values come from the configuration or from the code, never from a caller:
 * the number of series is bounded by what the admin has configured.
 */
export const METRICS = {
  mcpo_build_info: gauge('Always 1; the version of the service and of Node.js.', 'version', 'node_version'),
  mcpo_draining: gauge('1 once the service is ending: it is not ready any more and finishes running calls.'),

  mcpo_calls_total: counter(
    'Tool calls that have ended, by outcome. `server` and `tool` are empty where the call was refused before they were known.',
    'server',
    'tool',
    'outcome',
  ),
  mcpo_call_duration_seconds: histogram(
    'From the headers of a request to the end of its answer, for calls that named a tool the caller may call.',
    'server',
  ),
  mcpo_calls_in_flight: gauge('Accepted calls without an answer, those that wait included: the number to scale by.'),
  mcpo_calls_running: gauge('Calls that a server is working on.', 'server'),
  mcpo_calls_queued: gauge('Calls that wait for their turn, since `maxConcurrency` is reached.', 'server'),
  mcpo_http_requests_total: counter(
    'HTTP requests, tool calls included, by status code; 499: the client left before the answer.',
    'code',
  ),
  mcpo_http_connections: gauge('Open connections.'),
  mcpo_http_connections_max: gauge('`MCPO_MAX_CONNECTIONS`.'),
  mcpo_connections_refused_total: counter(
    'Connections that were closed at once because too many were open: in all (`max`), or from one address (`address`).',
    'limit',
  ),
  mcpo_bodies_refused_total: counter(
    'Request bodies that were not read: `too_large`, `media_type`, or `memory` while large bodies of others take all the room.',
    'reason',
  ),
  mcpo_rate_limited_total: counter(
    'Requests that a rate limit refused: `calls` of one caller, failed `log_ins`, or requests from one `address`.',
    'limit',
  ),

  mcpo_server_info: gauge(
    'Always 1; how a server is configured. `transport` is `stdio`, `streamable-http`, `sse` or `auto`.',
    'server',
    'transport',
    'isolation',
    'required',
  ),
  mcpo_server_state: gauge(
    '1 for the state that a server is in, 0 for the others: `starting`, `ready`, `degraded`, `backing_off`, `failed`, `stopped`.',
    'server',
    'state',
  ),
  mcpo_server_tools: gauge('Tools that a server offers to all callers.', 'server'),
  mcpo_server_restarts_total: counter(
    'How often the shared session was opened again after it ended or failed to open.',
    'server',
  ),
  mcpo_sessions: gauge(
    'Sessions, by kind (`shared`, `user`, `chat`) and state; `waiting` ones wait for a place.',
    'server',
    'kind',
    'state',
  ),
  mcpo_session_starts_total: counter(
    'Attempts to open a session: `success`, `failure`, or `cancelled` where nobody needed it any more.',
    'server',
    'outcome',
  ),
  mcpo_session_ends_total: counter(
    'Ends of sessions: `closed` by the service, `lost`, or `forgotten` by a remote server that has restarted.',
    'server',
    'cause',
  ),
  mcpo_sessions_max: gauge("`MCPO_MAX_SESSIONS`: users' sessions over all servers."),
  mcpo_sessions_max_per_user: gauge('`MCPO_MAX_SESSIONS_PER_USER`.'),

  mcpo_server_max_sessions: gauge('`maxSessions` of a server, or what follows from the memory in its place.', 'server'),
  mcpo_server_max_concurrency: gauge('`maxConcurrency` of a server.', 'server'),
  mcpo_server_sandboxed: gauge('1 if the processes of a server run in a sandbox.', 'server'),
  mcpo_server_run_as: gauge('1 if the processes of a server run as a user of their own.', 'server'),
  mcpo_server_limit_memory_bytes: gauge('`limits.memoryMb`, for each process.', 'server'),
  mcpo_server_limit_cpu_seconds: gauge('`limits.cpuSeconds`, for each process.', 'server'),
  mcpo_server_limit_processes: gauge('`limits.processes`.', 'server'),
  mcpo_server_limit_files: gauge('`limits.files`, for each process.', 'server'),

  mcpo_memory_max_bytes: gauge(
    'Memory for the service and its processes: `MCPO_MAX_MEMORY_MB`, the limit of the container, or that of the machine.',
  ),
  mcpo_memory_available_bytes: gauge('What is left of it. Where it is short, no process is started for another user.'),
  mcpo_child_processes: gauge('Processes of a stdio server, with everything that they started (Linux).', 'server'),
  mcpo_child_memory_bytes: gauge('Resident memory of these processes together (Linux).', 'server'),
  mcpo_child_cpu_seconds_total: counter(
    'Processor time of these processes; what a process used after the last scrape before its end is not in it (Linux).',
    'server',
  ),

  mcpo_log_ins_total: counter(
    'Credentials that were checked. `kind`: `key` and `token` of requests, `none` for requests without any, `page` (log-ins at /vault and /admin), `link` (setup links), `vault_api`.',
    'kind',
    'outcome',
  ),
  mcpo_vault_operations_total: counter(
    'Operations of the vault on its database: `read`, `set`, `remove`, `erase`, `create_link`, `redeem_link`; `success`, or `unavailable` while the database is away.',
    'operation',
    'outcome',
  ),

  mcpo_audit_events_written_total: counter('Audit events that were written to the log.'),
  mcpo_audit_events_lost_total: counter('Audit events that were lost, because no more could wait to be written.'),
  mcpo_audit_events_pending: gauge('Audit events that wait to be written.'),
  mcpo_audit_log_up: gauge('1 while the audit log can be written.'),
  mcpo_database_up: gauge('1 if the database answered within a second.'),
  mcpo_last_backup_timestamp_seconds: gauge(
    'When the last `mcpo-ts backup` of this database succeeded; absent before the first one.',
  ),
  mcpo_last_backup_bytes: gauge('Size of that backup.'),
  mcpo_redis_up: gauge('1 while Redis answers; without `MCPO_REDIS_URL` absent.'),

  mcpo_config_reloads_total: counter('Reloads of the configuration.', 'outcome'),
  mcpo_config_last_reload_successful: gauge('0 if the last reload was refused, which leaves the previous one in use.'),
  mcpo_config_last_reload_success_timestamp_seconds: gauge('When the configuration in use was read.'),
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
type Label<Name extends MetricName> = (typeof METRICS)[Name]['labels'][number];
export type Labels<Name extends MetricName> = Readonly<Record<Label<Name>, string>>;

function counter<const Names extends readonly string[]>(help: string, ...labels: Names) {
  return { type: 'counter', help, labels } as const;
}

function gauge<const Names extends readonly string[]>(help: string, ...labels: Names) {
  return { type: 'gauge', help, labels } as const;
}

function histogram<const Names extends readonly string[]>(help: string, ...labels: Names) {
  return { type: 'histogram', help, labels } as const;
}
