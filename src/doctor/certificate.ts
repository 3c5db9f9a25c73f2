import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseUrl } from '../parse-url.ts';
import { type Finding, notApplicable, orOk, problem, warning } from './check.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
/** A certificate of Let's Encrypt is renewed when it has 30 of its 90 days left. */
const RENEW_DAYS = 21;
const URGENT_DAYS = 7;

/** Looks at the files of `--ssl-certfile` and `--ssl-keyfile`. */
export function checkCertificate({
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

/** Whether a certificate has expired or will do so soon. */
export function judgeEnd(validTo: number, now: number, what: string): readonly Finding[] {
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
