import { checkCertificate } from './certificate.ts';
import { type Check, ok, problem, type StartCheck, warning } from './check.ts';
import { isLoopback } from './hosts.ts';
import { checkHeaders, checkPublicUrl } from './public-url.ts';

/** A larger network than 256 addresses has more in it than proxies. */
const WIDE_PREFIX = { 4: 24, 6: 64 } as const;

/** Where the service listens, and how it is reached. */
export const networkChecks: readonly Check[] = [
  {
    id: 'host-binding',
    group: 'network',
    title: 'What travels over the network is encrypted',
    worst: 'warning',
    run: ({ settings: { host, tls, trustProxy, publicUrl }, system }) => {
      if (isLoopback(host)) return ok(`Only this machine reaches ${host}.`);
      if (tls !== undefined) return ok('The service speaks TLS.');
      const message = `The service listens on ${host} without TLS`;
      const advice = 'Give --ssl-certfile and --ssl-keyfile, or put a proxy with TLS in front';
      if (trustProxy.length === 0 && publicUrl?.startsWith('https:') !== true) {
        return [
          warning(
            `${message}, and no proxy with TLS is configured: keys can be read on their way.`,
            `${advice} and set MCPO_TRUST_PROXY and MCPO_PUBLIC_URL.`,
          ),
        ];
      }
      if (system.isContainer)
        return ok('A proxy is in front; publish no port of the container but the one of the proxy.');
      return [
        warning(
          `${message}: other machines can go round the proxy.`,
          'Listen on the address of the network between proxy and service only (--host), or close the port in the firewall.',
        ),
      ];
    },
  },
  {
    id: 'public-url',
    group: 'network',
    title: 'The public URL leads to this service',
    worst: 'problem',
    run: checkPublicUrl,
  },
  {
    id: 'response-headers',
    group: 'network',
    title: 'Answers have their security headers',
    worst: 'warning',
    run: checkHeaders,
  },
];

/** Of these, a problem is also logged at every start. */
export const networkStartChecks: readonly StartCheck[] = [
  {
    id: 'trust-proxy',
    group: 'network',
    title: 'Only the proxy itself may name client addresses',
    worst: 'problem',
    atStart: true,
    run: ({ settings: { trustProxy, host }, system }) => {
      if (trustProxy.length === 0) return ok('No proxy is trusted.');
      const wide = trustProxy.filter((network) => {
        const [address = '', prefix] = network.split('/');
        return (
          Number(prefix) < WIDE_PREFIX[address.includes(':') ? 6 : 4] && !/^(127\.|169\.254\.|fe80:)/.test(address)
        );
      });
      if (wide.length === 0) return ok('MCPO_TRUST_PROXY names single proxies.');
      const message = `MCPO_TRUST_PROXY trusts every address of ${wide.join(', ')} to name the client's address`;
      const advice = 'Name the address of the proxy, such as MCPO_TRUST_PROXY=10.0.3.7.';
      if (isLoopback(host)) return ok(`${message}; only this machine reaches the service.`);
      return system.hasPublicAddress && !system.isContainer
        ? [problem(`${message}, and this machine has a public address.`, advice)]
        : [warning(`${message}: limits and the audit log follow what they say.`, advice)];
    },
  },
  {
    id: 'certificate',
    group: 'network',
    title: 'The TLS certificate is valid, and for some time',
    worst: 'problem',
    atStart: true,
    run: checkCertificate,
  },
];
