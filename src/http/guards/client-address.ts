import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';
import type { TrustProxy } from '../../config/trust-proxy.ts';

/** Where a request comes from and what its sender asked for, as far as the proxies in front are trusted. */
export interface ClientAddress {
  /** Whether connections from this address are a trusted proxy's. */
  isProxy(address: string | undefined): boolean;
  /** The sender's address, IPv4 without `::ffff:`; `unknown` when the connection is gone already. */
  addressOf(request: IncomingMessage): string;
  /** Whether the sender speaks TLS: with us, or with a trusted proxy that says so. */
  isHttps(request: IncomingMessage): boolean;
  /** Host and port that the sender asked for; `undefined` when that is not a usable name. */
  hostOf(request: IncomingMessage): string | undefined;
  /** Whether `hostOf` is what a trusted proxy says, and not the request's own `Host`. */
  isForwardedHost(request: IncomingMessage): boolean;
  /** What a trusted proxy took off the path: `""` or `/x`, without a slash at the end. */
  prefixOf(request: IncomingMessage): string;
}

export const UNKNOWN_ADDRESS = 'unknown';

/** A host name or address, with a port perhaps (RFC 9110, section 7.2). */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const MAX_HOST_CHARACTERS = 300;
const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+\/?$/;
const MAX_PREFIX_CHARACTERS = 200;

const MAX_REMEMBERED = 10_000;

type IsTrusted = (address: string) => boolean;

/**
 * Reads `X-Forwarded-For` from the right, as each proxy adds at the end: the first address that is not a trusted proxy's
 * is the sender's. What stands further left may be made up, and is not looked at. Nothing is believed from a sender
 * who is not a trusted proxy.
 */
export function createClientAddress(trust: TrustProxy): ClientAddress {
  const isTrusted = trustOf(trust);

  /** The sender, and the number of trusted proxies in between. */
  const trace = (request: IncomingMessage): { address: string; proxies: number } => {
    let address = socketAddress(request);
    if (isTrusted === undefined) return { address, proxies: 0 };
    const forwarded = textOf(request.headers['x-forwarded-for']);
    let proxies = 0;
    let end = forwarded.length;
    while (isTrusted(address)) {
      proxies += 1;
      if (end <= 0) break;
      const comma = forwarded.lastIndexOf(',', end - 1);
      const next = readAddress(forwarded.slice(comma + 1, end));
      if (next === undefined) break;
      address = next;
      end = comma;
    }
    return { address, proxies };
  };

  /** What the outermost trusted proxy wrote into a list that each of them may have added to. */
  const forwardedValue = (request: IncomingMessage, name: string): string | undefined => {
    const header = textOf(request.headers[name]);
    if (isTrusted === undefined || header === '') return undefined;
    const { proxies } = trace(request);
    if (proxies === 0) return undefined;
    const values = header.split(',');
    return values[Math.max(0, values.length - proxies)]?.trim();
  };

  return {
    isProxy: (address) => address !== undefined && isTrusted?.(plainAddress(address)) === true,
    addressOf: (request) => (isTrusted === undefined ? socketAddress(request) : trace(request).address),
    isHttps: (request) => {
      const protocol = forwardedValue(request, 'x-forwarded-proto')?.toLowerCase();
      return protocol === undefined ? 'encrypted' in request.socket : protocol === 'https';
    },
    hostOf: (request) => usableHost(forwardedValue(request, 'x-forwarded-host')) ?? usableHost(request.headers.host),
    isForwardedHost: (request) => usableHost(forwardedValue(request, 'x-forwarded-host')) !== undefined,
    prefixOf: (request) => {
      const prefix = forwardedValue(request, 'x-forwarded-prefix') ?? '';
      if (prefix.length > MAX_PREFIX_CHARACTERS || !PREFIX.test(prefix)) return '';
      return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
    },
  };
}

function trustOf(trust: TrustProxy): IsTrusted | undefined {
  switch (trust.kind) {
    case 'none':
      return undefined;
    case 'networks': {
      const list = new BlockList();
      for (const network of trust.networks) {
        const [address = '', prefix] = network.split('/');
        list.addSubnet(address, Number(prefix), familyOf(address));
      }
      // Asking the list takes longer than all else that is done here.
      const remembered = new Map<string, boolean>();
      return (address) => {
        const known = remembered.get(address);
        if (known !== undefined) return known;
        const isListed = isIP(address) !== 0 && list.check(address, familyOf(address));
        if (remembered.size >= MAX_REMEMBERED) remembered.clear();
        remembered.set(address, isListed);
        return isListed;
      };
    }
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

function socketAddress(request: IncomingMessage): string {
  const { remoteAddress } = request.socket;
  return remoteAddress === undefined ? UNKNOWN_ADDRESS : plainAddress(remoteAddress);
}

/** A socket's address in its one spelling. */
export function plainAddress(address: string): string {
  return withoutMapping(withoutZone(address));
}

/** One entry of `X-Forwarded-For`, in its one spelling; some proxies add the port. */
function readAddress(entry: string): string | undefined {
  const text = entry.trim();
  if (isIP(text) === 4) return text;
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = withoutZone(bare);
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return withoutMapping(new SocketAddress({ address, family: 'ipv6' }).address);
    default:
      return undefined;
  }
}

function withoutZone(address: string): string {
  const percent = address.indexOf('%');
  return percent === -1 ? address : address.slice(0, percent);
}

/** An IPv4 sender at a socket that takes both (RFC 4291, section 2.5.5.2). */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

function usableHost(host: string | undefined): string | undefined {
  return host !== undefined && host.length <= MAX_HOST_CHARACTERS && HOST.test(host) ? host : undefined;
}

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.join(',') ?? '');
}
