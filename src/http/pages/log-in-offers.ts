import type { LogInProvider } from '../../auth/auth-settings.ts';
import type { Exchange } from '../request-facts.ts';

/** The session of the browser at Open WebUI. */
export type OpenWebUiOffer =
  | { readonly kind: 'user'; readonly who: string; readonly binding: string }
  | { readonly kind: 'unavailable'; readonly text: string };

/** The ways to log in that a page shows beside the form for keys and tokens. */
interface LogInOffers {
  readonly providers: readonly Pick<LogInProvider, 'key' | 'title'>[];
  readonly openWebUi: OpenWebUiOffer | undefined;
  /** Where people's browsers reach Open WebUI; `undefined`: not known. */
  readonly openWebUiUrl: string | undefined;
}

/** What is offered to the sender of a request. */
export type FindLogInOffers = (exchange: Exchange) => Promise<LogInOffers>;
