import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseUrl } from '../parse-url.ts';
import {
  type Check,
  type Finding,
  notApplicable,
  ok,
  orOk,
  problem,
  type StartCheck,
  unknown,
  warning,
} from './check.ts';
import { isLoopback } from './hosts.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
/** A certificate of Let's Encrypt is renewed when it has 30 of its 90 days left. */
const RENEW_DAYS = 21;
const URGENT_DAYS = 7;
/** A larger network than 256 addresses has more in it than proxies. */
const WIDE_PREFIX = { 4: 24, 6: 64 } as const;
const EXPECTED_HEADERS = ['x-content-type-options', 'content-security-policy', 'referrer-policy', 'x-frame-options'];

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

function checkCertificate({
  settings: { tls, publicUrl },
  now,
}: Pick<Subject, 'settings' | 'now'>): readonly Finding[] {
  if (tls === undefined) return notApplicable('The service does not speak TLS itself.');
  let certificate: X509Certificate;
  let isPair: boolean;
  try {
    certificate = new X509Certificate(readFileSync(tls.certFile));
    isPair = certificate.checkPrivateKey(createPrivateKey(readFileSync(tls.keyFile)));
  } catch {
    return [
      problem(
        `${tls.certFile} and ${tls.keyFile} are not a certificate and a key in PEM form.`,
        'Give the files that the authority or its client wrote.',
      ),
    ];
  }
  const findings: Finding[] = [];
  if (!isPair)
    findings.push(
      problem(`The key in ${tls.keyFile} is not that of ${tls.certFile}.`, 'Give the two files of one certificate.'),
    );
  findings.push(...judgeEnd(Date.parse(certificate.validTo), now, tls.certFile));
  if (Date.parse(certificate.validFrom) > now) {
    findings.push(
      problem(`${tls.certFile} is not valid before ${certificate.validFrom}.`, 'Check the clock of this machine.'),
    );
  }
  const host = publicUrl?.startsWith('https:') ? parseUrl(publicUrl)?.hostname : undefined;
  const names =
    host?.startsWith('[') || /^[\d.]+$/.test(host ?? '')
      ? certificate.checkIP(host ?? '')
      : host && certificate.checkHost(host);
  if (host !== undefined && names === undefined) {
    findings.push(
      warning(
        `${tls.certFile} is not for ${host}, the host of MCPO_PUBLIC_URL.`,
        'Get a certificate for this name, unless a proxy in front has one.',
      ),
    );
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
    findings.push(
      warning(`The RSA key of ${tls.certFile} has fewer than 2,048 bits.`, 'Get a certificate with a longer key.'),
    );
  }
  return orOk(findings, `${tls.certFile} is valid until ${toDay(certificate.validTo)}.`);
}

function judgeEnd(validTo: number, now: number, what: string): readonly Finding[] {
  const days = Math.floor((validTo - now) / DAY_MS);
  const advice = 'Renew it; the service picks up renewed files by itself.';
  if (validTo <= now) return [problem(`${what} expired on ${toDay(validTo)}.`, advice)];
  const message = `${what} expires in ${days} ${days === 1 ? 'day' : 'days'}, on ${toDay(validTo)}.`;
  if (days < URGENT_DAYS) return [problem(message, advice)];
  return days < RENEW_DAYS ? [warning(message, advice)] : [];
}

function toDay(time: string | number): string {
  return new Date(time).toISOString().slice(0, 10);
}

async function checkPublicUrl({ settings, running, probe, now, secrets }: Subject): Promise<readonly Finding[]> {
  const { publicUrl, host, servers } = settings;
  if (publicUrl === undefined) {
    if (isLoopback(host))
      return notApplicable('MCPO_PUBLIC_URL is not set, and only this machine reaches the service.');
    const needsLinks = servers.some(({ userVars }) => userVars.size > 0) || secrets.auth.logIn.length > 0;
    const message = 'MCPO_PUBLIC_URL is not set: links in answers begin with the address that the caller used.';
    return needsLinks
      ? [warning(message, 'Set it to the URL at which browsers reach the service.')]
      : notApplicable(message);
  }
  const findings: Finding[] = [];
  const isEncrypted = publicUrl.startsWith('https:');
  if (!isEncrypted && !isLoopback(parseUrl(publicUrl)?.hostname ?? '')) {
    findings.push(
      warning(
        `MCPO_PUBLIC_URL is ${publicUrl}: values and log-ins of users travel unencrypted.`,
        'Put TLS in front, and set MCPO_PUBLIC_URL to the https URL.',
      ),
    );
  }
  const answer = await probe(`${publicUrl}/healthz`);
  if (!answer.isReached) {
    const message = `${publicUrl} cannot be reached from here (${answer.reason}).`;
    return [
      ...findings,
      warning(
        message,
        'Check DNS, the firewall and the proxy; if it is reached from other networks only, ignore this.',
      ),
    ];
  }
  const { certificate, status, body } = answer;
  if (certificate !== undefined) {
    findings.push(...judgeEnd(certificate.validTo, now, `The certificate of ${publicUrl}`));
    if (certificate.untrusted !== undefined && certificate.validTo > now) {
      findings.push(
        warning(
          `This machine does not trust the certificate of ${publicUrl} (${certificate.untrusted}).`,
          'Serve the whole chain, and a certificate that browsers trust; for an authority of your own, set NODE_EXTRA_CA_CERTS here.',
        ),
      );
    }
  }
  const instance = toInstance(body);
  if (status >= 300 && status < 400) {
    findings.push(
      warning(
        `${publicUrl}/healthz redirects, which was not followed.`,
        'Set MCPO_PUBLIC_URL to the URL that the redirect leads to.',
      ),
    );
  } else if (status !== 200 || instance === undefined) {
    findings.push(
      problem(
        `${publicUrl}/healthz answers ${status}, and not as this service does.`,
        'Let the proxy pass everything below MCPO_PUBLIC_URL to the service, or correct the variable.',
      ),
    );
  } else if (running.length === 0) {
    findings.push(
      unknown(
        `A service of mcpo-ts answers at ${publicUrl}; none runs with this data folder.`,
        'Run this where the service runs, as its user.',
      ),
    );
  } else if (!running.some((service) => service.instance === instance) && secrets.databaseUrl === undefined) {
    findings.push(
      problem(
        `Another service of mcpo-ts answers at ${publicUrl}, not the one that runs here.`,
        'Correct the proxy or MCPO_PUBLIC_URL.',
      ),
    );
  }
  return orOk(findings, `${publicUrl} leads here.`);
}

function toInstance(body: string): string | undefined {
  try {
    const { status, instance } = JSON.parse(body) as { status?: unknown; instance?: unknown };
    return status === 'ok' && typeof instance === 'string' ? instance : undefined;
  } catch {
    return undefined;
  }
}

async function checkHeaders({ settings: { publicUrl }, running, probe }: Subject): Promise<readonly Finding[]> {
  const urls = [...running.map(({ url }) => url), ...(publicUrl === undefined ? [] : [publicUrl])];
  if (urls.length === 0) return notApplicable('No service runs here, and MCPO_PUBLIC_URL is not set.');
  const findings: Finding[] = [];
  let asked = 0;
  for (const url of urls) {
    const answer = await probe(`${url}/healthz`);
    if (!answer.isReached || toInstance(answer.body) === undefined) continue;
    asked += 1;
    const { headers } = answer;
    const missing = EXPECTED_HEADERS.filter((name) => headers[name] === undefined);
    const host = parseUrl(url)?.hostname ?? '';
    if (
      url.startsWith('https:') &&
      url === publicUrl &&
      !isLoopback(host) &&
      headers['strict-transport-security'] === undefined
    ) {
      missing.push('strict-transport-security');
    }
    if (missing.length > 0) {
      findings.push(
        warning(
          `Answers of ${url} lack ${missing.join(', ')}.`,
          'Let the proxy pass the headers of the service, and X-Forwarded-Proto to it, with its address in MCPO_TRUST_PROXY.',
        ),
      );
    }
    const { server, 'x-powered-by': poweredBy } = headers;
    const told = [server, poweredBy].filter((value) => typeof value === 'string' && /\d/.test(value));
    if (told.length > 0)
      findings.push(
        warning(
          `Answers of ${url} name versions: ${told.join(', ')}.`,
          'Turn that off in the proxy, such as by "server_tokens off" of nginx.',
        ),
      );
  }
  if (asked === 0) return [unknown('No service answered.', 'Run this while the service runs.')];
  return orOk(findings, `Asked: ${urls.join(', ')}.`);
}
