import type { Algorithm } from 'jsonwebtoken';
import type { UserId } from './user.ts';

/** Where the key comes from that an issuer's tokens are checked with. */
export type KeySource =
  /** `previousSecret` verifies too, for as long as tokens are around that were signed with it. */
  | { readonly kind: 'secret'; readonly secret: string; readonly previousSecret?: string | undefined }
  | { readonly kind: 'public-key'; readonly pem: string }
  | { readonly kind: 'key-set'; readonly uri: string }
  /** The key set that the issuer's `/.well-known/openid-configuration` names (OpenID Connect Discovery 1.0). */
  | { readonly kind: 'discovery' };

/** Which claims say what; a dot leads into an object, as in `realm_access.roles`. */
export interface ClaimNames {
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  readonly username: string;
  readonly role: string;
  readonly groups: string;
  /** Space-separated text, or a list. */
  readonly scope: string;
}

/** What the scopes in a token mean. */
export type TokenScopes =
  /** Tokens that we sign: their scopes are ours. */
  | { readonly kind: 'own' }
  /** Another issuer's scopes are words of its own: each grants what the admin maps it to, beside the defaults. */
  | {
      readonly kind: 'mapped';
      readonly defaults: readonly string[];
      readonly byScope: ReadonlyMap<string, readonly string[]>;
    };

/** One issuer whose tokens are accepted. */
export interface IssuerSettings {
  /** The exact `iss`; `undefined`: our own tokens, which name no issuer or `mcpo-ts`. */
  readonly issuer: string | undefined;
  /** One of these must be in `aud`; empty: none is asked for. */
  readonly audiences: readonly string[];
  /** Pinned: a token signed in any other way is refused whatever its header says. */
  readonly algorithms: readonly Algorithm[];
  readonly keySource: KeySource;
  readonly claims: ClaimNames;
  readonly scopes: TokenScopes;
}

/** An OpenID provider at which people log in to the pages. */
export interface LogInProvider {
  /** Names it in URLs and cookies; follows from issuer and client. */
  readonly key: string;
  /** The exact `iss` of its ID tokens; its discovery document is below it. */
  readonly issuer: string;
  readonly clientId: string;
  /** `undefined`: a public client, which PKCE alone protects. */
  readonly clientSecret: string | undefined;
  /** Requested scopes, `openid` among them. */
  readonly scopes: readonly string[];
  /** On its button. */
  readonly title: string;
  /** As in `auth.issuers` for the same issuer, so that a user is the same in calls with its tokens. */
  readonly claims: ClaimNames;
  readonly granted: Extract<TokenScopes, { kind: 'mapped' }>;
}

/** How Open WebUI says who its user is; docs/open-webui.md says what each asks of its admin. */
export interface OpenWebUiSettings {
  /** Of `X-OpenWebUI-User-Jwt`. Set: plain headers are never believed. */
  readonly userJwtSecret: string | undefined;
  /** Open WebUI's own `WEBUI_SECRET_KEY`, for the auth type `session`. */
  readonly secretKey: string | undefined;
  /** Where to ask who a session token or `sk-` key belongs to. */
  readonly url: string | undefined;
  /** Of an admin of Open WebUI; to ask which OIDC subjects its users have. */
  readonly apiKey: string | undefined;
  /** The pages accept the session of a browser at Open WebUI, by its cookie. */
  readonly cookie: boolean;
  readonly trustUserHeaders: boolean;
  /** Lower-case header names. */
  readonly headers: {
    readonly userJwt: string;
    readonly userId: string;
    readonly userEmail: string;
    readonly userName: string;
    readonly userRole: string;
    readonly userGroups: string;
    readonly userGroupIds: string;
    readonly chatId: string;
    readonly messageId: string;
  };
  /** Something depends on a user's groups, so Open WebUI is asked for those of a session's user. */
  readonly asksForGroups: boolean;
}

/** When two identities are one person. */
export interface IdentitySettings {
  readonly linkBy: 'none' | 'email-verified' | 'oidc-sub';
  /** With `oidc-sub`: the issuer whose subjects Open WebUI names. */
  readonly issuer: string | undefined;
  /** With `oidc-sub`: how Open WebUI calls that provider. */
  readonly provider: string;
}

/** A stored API key: only the digest of the key itself. */
export interface ApiKeyRecord {
  readonly id: string;
  /** SHA-256 of the key, lower-case hex. */
  readonly hash: string;
  readonly scopes: readonly string[];
  /** The user it belongs to, so that people can call as themselves. */
  readonly user: UserId | undefined;
  /** Its holder may name the user they speak for. */
  readonly assertsUser: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  readonly lastUsedAt: number | undefined;
  readonly createdAt: number;
}

/** Scopes that a role or a group adds to a user, by its name. */
export interface AddedScopes {
  readonly scopesByRole: ReadonlyMap<string, readonly string[]>;
  readonly scopesByGroup: ReadonlyMap<string, readonly string[]>;
}

/** What authentication runs by; holds secrets, so it is never logged. */
export interface AuthSettings extends AddedScopes {
  /** The single key of `--api-key`: every scope, and it may assert users if `openWebUi.trustUserHeaders` or a user JWT secret is set. */
  readonly apiKey: string | undefined;
  /** The former single key, with the same rights, while clients change to the other one. */
  readonly previousApiKey?: string | undefined;
  /** Keys of the servers file's `auth.keys`. */
  readonly keys: readonly ApiKeyRecord[];
  readonly issuers: readonly IssuerSettings[];
  readonly logIn: readonly LogInProvider[];
  readonly openWebUi: OpenWebUiSettings;
  readonly identity: IdentitySettings;
}
