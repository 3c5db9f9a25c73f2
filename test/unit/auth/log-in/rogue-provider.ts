import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import jsonwebtoken from 'jsonwebtoken';

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A provider that answers as it is told, to see what is refused. */
export class RogueProvider implements AsyncDisposable {
  issuer = '';
  /** What differs from a right discovery document. */
  metadata: object = {};
  /** The ID token that the token endpoint gives. */
  idToken: () => string = () => '';
  /** What differs from a right answer of the token endpoint. */
  tokens: object = {};
  userInfo: { status: number; body: object } | undefined;
  publicKeys: readonly KeyObject[] = [rsa.publicKey];
  /** The paths that were asked, with the body of the token endpoint's requests. */
  readonly asked: { path: string; body: URLSearchParams; authorization: string | undefined }[] = [];
  isDown = false;
  readonly #server = createServer(async (request, response) => {
    if (this.isDown) return void request.socket.destroy();
    const path = request.url ?? '';
    const { authorization } = request.headers;
    this.asked.push({ path, body: new URLSearchParams(await bodyOf(request)), authorization });
    const { status = 200, body } = this.#answer(path);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  /** An ID token for the client "mcpo", but for these claims. */
  sign(claims: object, options: jsonwebtoken.SignOptions = {}, key: KeyObject | string = rsa.privateKey): string {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: this.issuer, sub: 'ada', aud: 'mcpo', iat: now, exp: now + 60, ...claims };
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return jsonwebtoken.sign(given, key, { algorithm: 'RS256', keyid: 'k0', ...options });
  }

  #answer(path: string): { status?: number; body: object } {
    const { issuer } = this;
    switch (path) {
      case '/.well-known/openid-configuration':
        return {
          body: {
            issuer,
            authorization_endpoint: `${issuer}/auth`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            userinfo_endpoint: this.userInfo === undefined ? undefined : `${issuer}/userinfo`,
            id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
            ...this.metadata,
          },
        };
      case '/jwks': {
        const keys = this.publicKeys.map((key, index) => ({
          ...key.export({ format: 'jwk' }),
          kid: `k${index}`,
          use: 'sig',
        }));
        return { body: { keys } };
      }
      case '/token':
        return { body: { access_token: 'at', token_type: 'bearer', id_token: this.idToken(), ...this.tokens } };
      case '/userinfo':
        return this.userInfo ?? { status: 404, body: {} };
      default:
        return { status: 404, body: {} };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
