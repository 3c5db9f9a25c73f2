import type { IncomingHttpHeaders } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { TLSSocket } from 'node:tls';

const TIMEOUT_MS = 5_000;
const MAX_BODY_BYTES = 64 * 1024;

/** What one GET found out. */
type ProbeAnswer =
  | {
      readonly isReached: true;
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: string;
      readonly certificate: PresentedCertificate | undefined;
      /** When the answer came, in milliseconds since the epoch. */
      readonly at: number;
    }
  | { readonly isReached: false; readonly reason: string };

interface PresentedCertificate {
  /** Milliseconds since the epoch. */
  readonly validTo: number;
  /** Why this system does not trust it, as a code; `undefined`: it does. */
  readonly untrusted: string | undefined;
}

export type Probe = (url: string) => Promise<ProbeAnswer>;

/** GET without credentials, cookies, proxies and redirects, once for each URL. Never rejects. */
export function createProbe(): Probe {
  const answers = new Map<string, Promise<ProbeAnswer>>();
  return (url) => {
    const answer = answers.get(url) ?? get(url);
    answers.set(url, answer);
    return answer;
  };
}

function get(url: string): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const fail = (reason: string) => resolve({ isReached: false, reason });
    const timer = setTimeout(() => {
      fail(`no answer within ${TIMEOUT_MS / 1000} s`);
      outgoing.destroy();
    }, TIMEOUT_MS);
    const start = url.startsWith('https:') ? requestHttps : requestHttp;
    // Whether the certificate is trusted is a finding, and nothing secret is sent.
    const outgoing = start(url, { agent: false, rejectUnauthorized: false }, (incoming) => {
      const certificate = toCertificate(incoming.socket as TLSSocket);
      let body = '';
      incoming.setEncoding('utf8');
      const finish = () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ isReached: true, status, headers, body, certificate, at: Date.now() });
        outgoing.destroy();
      };
      incoming.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > MAX_BODY_BYTES) finish();
      });
      incoming.on('end', finish);
      incoming.on('error', () => fail('the answer was cut off'));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'no answer'));
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.end();
  });
}

function toCertificate(socket: TLSSocket): PresentedCertificate | undefined {
  if (typeof socket.getPeerX509Certificate !== 'function') return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const { authorizationError } = socket;
  const untrusted = socket.authorized
    ? undefined
    : String((authorizationError as { code?: string })?.code ?? authorizationError);
  return { validTo: Date.parse(certificate.validTo), untrusted };
}
