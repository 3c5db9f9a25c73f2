import express, { type Request, type Response, type Router } from 'express';
import type { ProviderLogIn } from '../../auth/log-in/provider-log-in.ts';
import { toUserPrincipalId } from '../../auth/principal.ts';
import { toUserKey } from '../../auth/user.ts';
import { UnauthenticatedError } from '../../errors.ts';
import type { PageSessionRegister } from '../../vault/page-session-store.ts';
import { type AuditTrail, codeOf } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import type { IdentifyDependencies } from '../guards/identify.ts';
import { BACK_CHANNEL_PATH, loggedPath } from '../paths.ts';
import { readBody } from '../tool-call/read-body.ts';

const MAX_BODY_BYTES = 64 * 1024;
const FORM = /^application\/x-www-form-urlencoded(?:;|$)/i;
/** Only a signature can make it right, so guessing one is hopeless. */
const SIGNED = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/;

export interface BackChannelDependencies {
  readonly providers: Pick<ProviderLogIn, 'readLogout'>;
  readonly pageSessions: Pick<PageSessionRegister, 'endOfProvider'>;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
}

/**
 * Where OpenID providers say that a session has ended (OpenID Connect Back-Channel Logout 1.0, section 2.5). Answers 200
 * where the token is right, also if nobody was logged in by that session, and 400 with a JSON error otherwise.
 */
export function createBackChannel({
  providers,
  pageSessions,
  identity,
  client,
  audit,
}: BackChannelDependencies): Router {
  const router = express.Router();
  router.post(`/${BACK_CHANNEL_PATH}`, async (request, response) => {
    const token = await readToken(request);
    if (token === undefined) return refuse(response, 'A form with one logout_token is expected.');
    const exchange = { request, response };
    const address = client.addressOf(request);
    const limit = await identity.limits.begin({ address, credential: token, isSigned: SIGNED.test(token) }, response);
    try {
      const { issuer, sid, subject, tokenId, expiresAt } = await providers.readLogout(token);
      // One of the two is there, as `readLogoutNotice` sees to.
      const what = sid === undefined ? { sid, subject: subject ?? '' } : { sid, subject };
      const notice = { id: `logout token ${issuer.length}:${issuer}${tokenId}`, expiresAt };
      const owners = await pageSessions.endOfProvider({ issuer, ...what }, notice);
      if (owners === undefined) throw new UnauthenticatedError('The logout token was used already.', 'Bearer');
      limit.succeeded();
      for (const owner of new Map(owners.map((one) => [toUserKey(one), one])).values()) {
        const count = owners.filter((one) => toUserKey(one) === toUserKey(owner)).length;
        audit.record(
          { ...exchange, id: toUserPrincipalId(owner) },
          {
            eventType: 'session_ended',
            action: 'back_channel',
            resource: 'vault',
            result: 'success',
            details: { count },
          },
        );
      }
      response.status(200).end();
    } catch (error) {
      if (!(error instanceof UnauthenticatedError)) throw error;
      limit.failed();
      const details = { code: codeOf(error) };
      const resource = loggedPath(request);
      audit.record(
        { ...exchange, id: undefined },
        { eventType: 'session_ended', action: 'back_channel', resource, result: 'failure', details },
      );
      refuse(response, error.message);
    }
  });
  return router;
}

async function readToken(request: Request): Promise<string | undefined> {
  if (!FORM.test(request.headers['content-type'] ?? '')) return undefined;
  const form = new URLSearchParams((await readBody(request, MAX_BODY_BYTES)).toString('utf8'));
  const [token, ...more] = form.getAll('logout_token');
  return token === '' || more.length > 0 ? undefined : token;
}

function refuse(response: Response, description: string): void {
  response.status(400).json({ error: 'invalid_request', error_description: description });
}
