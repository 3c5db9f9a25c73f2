import { parseUrl } from '../parse-url.ts';
import { judgeEnd } from './certificate.ts';
import { type Finding, notApplicable, orOk, problem, unknown, warning } from './check.ts';
import { isLoopback } from './hosts.ts';
import type { Subject } from './subject.ts';

const EXPECTED_HEADERS = ['x-content-type-options', 'content-security-policy', 'referrer-policy', 'x-frame-options'];

/** Asks the public URL once, and compares who answers with the services that run here. */
export async function checkPublicUrl({ settings, running, probe, now, secrets }: Subject): Promise<readonly Finding[]> {
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

/** Looks at the headers of the running services, and of the public URL. */
export async function checkHeaders({ settings: { publicUrl }, running, probe }: Subject): Promise<readonly Finding[]> {
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
