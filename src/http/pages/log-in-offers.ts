import type { LogInProvider } from '../../auth/auth-settings.ts';
import type { Exchange } from '../audit-trail.ts';

/** The ways to log in that a page shows beside the form for keys and tokens. */
export interface LogInOffers {
  readonly providers: readonly Pick<LogInProvider, 'key' | 'title'>[];
}

/** What is offered to the sender of a request. */
export type FindLogInOffers = (exchange: Exchange) => Promise<LogInOffers>;
