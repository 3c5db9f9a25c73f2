import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

export type HeaderList = readonly (readonly [name: string, value: string])[];

/**
 * The security headers of every answer, read off helmet once, because they are the same for all requests.
 * Swagger UI and ReDoc need inline styles and a blob worker; no inline script runs anywhere.
 */
export function securityHeaders(): HeaderList {
  const headers = new Map<string, string>();
  const recorder = {
    setHeader: (name: string, value: string) => void headers.set(name, value),
    removeHeader: (name: string) => void headers.delete(name),
  };
  const guard = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        workerSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        // What servers say may hold a form: only pages without such text allow their own, by `allowOwnForms`.
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Browsers of other origins call the tools: CORS decides, not this.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  });
  guard({} as IncomingMessage, recorder as unknown as ServerResponse, () => undefined);
  return [...headers];
}

/**
 * Lets any page frame this one: for pages without forms and without anything of a user. The directive is removed, since
 * `*` does not match the opaque origin of a sandboxed frame (CSP 3, section 6.4.2).
 */
export function allowFrames(response: ServerResponse): void {
  const policy = response.getHeader('Content-Security-Policy');
  if (typeof policy === 'string') {
    response.setHeader('Content-Security-Policy', policy.replace(/;?\s*frame-ancestors 'none'/, ''));
  }
  response.removeHeader('X-Frame-Options');
}

/** Lets a page send its forms to this service: for pages that show nothing that an MCP server wrote as HTML or Markdown. */
export function allowOwnForms(response: ServerResponse): void {
  const policy = response.getHeader('Content-Security-Policy');
  if (typeof policy !== 'string') return;
  response.setHeader('Content-Security-Policy', policy.replace("form-action 'none'", "form-action 'self'"));
}

/** A browser would ask for TLS from every other program of the developer's machine too. */
const OWN_MACHINE = /^(?:.+\.)?localhost(?::\d+)?$/i;

/**
 * The header that makes browsers ask this host for TLS only (RFC 6797), for requests that came over TLS: over plain HTTP
 * it must not be sent (section 7.2). A year, as preload lists ask for; not for subdomains, of which the service knows
 * nothing.
 */
export function strictTransportSecurity(host: string | undefined): HeaderList {
  return OWN_MACHINE.test(host ?? '') ? [] : [['Strict-Transport-Security', 'max-age=31536000']];
}
