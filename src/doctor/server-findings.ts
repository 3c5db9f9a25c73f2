import { hideUrl } from '../config/hide-secrets.ts';
import type { ServerConfig, TransportConfig } from '../config/server-config.ts';
import { parseUrl } from '../parse-url.ts';
import { hasUserPlaceholder, literalParts } from '../placeholders/resolve-template.ts';
import { type Finding, problem, warning } from './check.ts';
import { isLoopback } from './hosts.ts';
import { isEngine } from './packages.ts';

type Stdio = Extract<TransportConfig, { type: 'stdio' }>;
/** A server that is a process of this machine, with what the admin wrote of its command. */
export interface LocalServer {
  readonly name: string;
  readonly transport: Stdio;
  readonly command: string;
  readonly args: readonly string[];
}

const SOCKET = /\/(docker|podman|containerd|crio|nerdctl)(\.|\/\1\.)sock\b/;
/** Names within one network: of a container, of a cluster, of a home or an office. */
const INNER_HOST =
  /^[^.]+$|\.(internal|local|lan|home\.arpa|svc|cluster\.local)$|^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./;

/** Whether the server can control the container engine, and with it the machine. */
export function judgeEngine({ name, command, args, transport }: LocalServer): readonly Finding[] {
  const texts = [
    ...args,
    ...[...transport.env.values()].map(literalParts),
    ...(transport.confinement?.sandbox?.writable ?? []),
  ];
  const root = 'which is as good as root on this machine';
  if (texts.some((text) => SOCKET.test(text))) {
    return [
      problem(
        `${name}: gets the socket of the container engine, ${root}.`,
        'Remove it, or put a proxy in between that allows only what is needed.',
      ),
    ];
  }
  if (!isEngine(command)) return [];
  const flags = args.join(' ');
  if (
    /(^| )--privileged\b(?!=false)|--cap-add[= ](ALL|SYS_ADMIN)\b|--pid[= ]host\b|(-v|--volume)[= ]?\/:|source=\/,/.test(
      flags,
    )
  ) {
    return [
      problem(
        `${name}: its container has the rights of the machine, ${root}.`,
        'Remove --privileged, --pid=host, wide capabilities and mounts of /.',
      ),
    ];
  }
  return [
    warning(
      `${name}: the service starts containers itself, so its user can control the engine, ${root}.`,
      'Use a rootless engine, or run the server as a container of its own and give its URL.',
    ),
  ];
}

/** Whether what is sent to a remote server can be read on the way. */
export function judgeUrl({ name, transport }: ServerConfig): readonly Finding[] {
  if (transport.type === 'stdio') return [];
  const url = parseUrl(literalParts(transport.url));
  if (url?.protocol !== 'http:' || isLoopback(url.hostname)) return [];
  const hasCredentials =
    transport.headers.size > 0 || url.username !== '' || url.search !== '' || hasUserPlaceholder(transport.url);
  const shown = hideUrl(url.origin);
  const advice = 'Give the server TLS and an https URL.';
  if (!hasCredentials)
    return [
      warning(`${name}: ${shown} is reached without TLS: arguments and results can be read on their way.`, advice),
    ];
  const message = `${name}: headers or credentials are sent to ${shown} without TLS.`;
  return [
    INNER_HOST.test(url.hostname)
      ? warning(message, `${advice} In a network of containers of your own, you may ignore this.`)
      : problem(message, advice),
  ];
}
