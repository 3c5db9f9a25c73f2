/** One sentence on what became of a form. */
export interface Notice {
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

/** What pages with forms have in common. URLs are relative to the request's own path (see `toRelativeUrl`). */
export interface AccountView {
  /** Who is logged in, in words. */
  readonly who: string;
  readonly formToken: string;
  readonly logOutUrl: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
  readonly notice: Notice | undefined;
}

/** A user variable on the page; times are milliseconds since the epoch. There is no value in it. */
export interface VariableView {
  readonly name: string;
  readonly title: string;
  readonly description: string | undefined;
  readonly isRequired: boolean;
  readonly isSensitive: boolean;
  readonly isSet: boolean;
  readonly isReadable: boolean;
  readonly updatedAt: number | undefined;
  readonly lastUsedAt: number | undefined;
  readonly lastFour: string | undefined;
  /** What counts while nothing is set; told for plain variables only. */
  readonly defaultValue: string | undefined;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  /** As the admin wrote it: only `http:` and `https:` become a link. */
  readonly helpUrl: string | undefined;
  /** What is wrong with what was just typed. */
  readonly problem: string | undefined;
  /** What was just typed and not kept; never of a sensitive variable. */
  readonly typed: string | undefined;
}

export interface VaultServerView {
  readonly name: string;
  readonly title: string;
  readonly status: 'ready' | 'missing' | 'failing' | 'unreadable';
  readonly refusedSince: number | undefined;
  readonly variables: readonly VariableView[];
  readonly saveUrl: string;
  readonly testUrl: string;
  readonly removeUrl: string;
}

export interface UseView {
  readonly server: string;
  readonly tool: string;
  readonly lastUsedAt: number;
  readonly calls: number;
}

/** The page of a user who is logged in. */
export interface VaultView extends AccountView {
  readonly servers: readonly VaultServerView[];
  /** The page of a setup link: one server, until then, and nothing else of the user. */
  readonly linkExpiresAt: number | undefined;
  readonly uses: readonly UseView[];
  readonly eraseUrl: string;
  /** Where an admin finds his own page. */
  readonly adminUrl: string | undefined;
}

/** The page of somebody who is not logged in. */
export interface LogInView {
  readonly page: 'vault' | 'admin';
  readonly logInUrl: string;
  readonly assetsBase: string;
  readonly notice: Notice | undefined;
  /** Without any authentication the service knows nobody. */
  readonly hasAuthentication: boolean;
}

/** A page that says one sentence, such as for a link that was used. */
export interface MessageView {
  readonly title: string;
  readonly text: string;
  readonly assetsBase: string;
  readonly links: readonly { readonly label: string; readonly url: string }[];
  /** Whose log-in it is, and how to end it. */
  readonly account?: Pick<AccountView, 'who' | 'formToken' | 'logOutUrl'>;
}
