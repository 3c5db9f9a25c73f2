/** A configured server's state, as `/readyz` tells it. */
export type ServerStateWord = 'starting' | 'ready' | 'degraded' | 'backing off' | 'failed' | 'stopped';

export interface StartPageTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly docsUrl: string;
}

/** A tool that the server offers and that cannot be served. */
export interface LeftOutTool {
  readonly name: string;
  readonly reason: string;
}

export interface StartPageServer {
  readonly name: string;
  readonly title: string;
  readonly description?: string | undefined;
  readonly state: ServerStateWord;
  /** Why it is not ready: public, a sentence of ours. */
  readonly reason?: string | undefined;
  readonly transport: string;
  /** Absolute: what to enter in Open WebUI, without a slash at the end. */
  readonly registerUrl: string;
  readonly docsUrl: string;
  readonly redocUrl: string;
  readonly documentUrl: string;
  readonly tools: readonly StartPageTool[];
  /** Those that are shown; there may be more. */
  readonly leftOutTools?: readonly LeftOutTool[] | undefined;
  readonly leftOutCount?: number | undefined;
}

/** How the last reload of the configuration ended. `at` is milliseconds since the epoch. */
export type StartPageReload =
  | {
      readonly kind: 'applied';
      readonly at: number;
      /** Names of servers. */
      readonly change: Readonly<Record<'added' | 'changed' | 'removed', readonly string[]>>;
    }
  | { readonly kind: 'refused'; readonly at: number; readonly problems: readonly string[] };

/**
 * Everything on the start page. All links but `registerUrl`, `allRegisterUrl` and `baseUrl` are relative to the
 * request's own path (see `toRelativeUrl`), so that a proxy may strip a prefix.
 */
export interface StartPageView {
  readonly title: string;
  readonly version: string;
  readonly baseUrl: string;
  readonly hasAuthentication: boolean;
  readonly servers: readonly StartPageServer[];
  /** `undefined` before the first. */
  readonly reload?: StartPageReload | undefined;
  /** Absolute: one registration for the tools of all servers. */
  readonly allRegisterUrl: string;
  /** The documentation of all servers; `undefined` hides the link, as on that page itself. */
  readonly allDocsUrl?: string | undefined;
  readonly allDocumentUrl: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
}
