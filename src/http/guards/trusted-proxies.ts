import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';
import { BoundedMap } from '../../bounded-map.ts';
import type { TrustProxy } from '../../config/trust-proxy.ts';
import { type ClientAddress, directClient, plainAddress, usableHost } from './client-address.ts';

const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+\/?$/;
const MAX_PREFIX_CHARACTERS = 200;

const MAX_REMEMBERED = 10_000;

type ForwardedHeader = 'x-forwarded-proto' | 'x-forwarded-host' | 'x-forwarded-prefix';

/**
 * Reads `X-Forwarded-For` from the right, as each proxy adds at the end: the first address that is not a trusted proxy's
 * is the sender's. What stands further left may be made up, and is not looked at. Nothing is believed from a sender
 * who is not a trusted proxy.
 */
export function createClientAddress(trusted: TrustProxy): ClientAddress {
  if (trusted.length === 0) return directClient;
  const isTrusted = createTrust(trusted);

  /** The sender, and the number of trusted proxies in between. */
  const trace = (request: IncomingMessage): { address: string; proxies: number } => {
    let address = directClient.addressOf(request);
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
  const forwardedValue = (request: IncomingMessage, name: ForwardedHeader): string | undefined => {
    const header = textOf(request.headers[name]);
    const { proxies } = trace(request);
    if (header === '' || proxies === 0) return undefined;
    const values = header.split(',');
    return values[Math.max(0, values.length - proxies)]?.trim();
  };
  const forwardedHost = (request: IncomingMessage) => usableHost(forwardedValue(request, 'x-forwarded-host'));

  return {
    isProxy: (address) => isTrusted(plainAddress(address)),
    addressOf: (request) => trace(request).address,
    isHttps: (request) => {
      const protocol = forwardedValue(request, 'x-forwarded-proto')?.toLowerCase();
      return protocol === undefined ? directClient.isHttps(request) : protocol === 'https';
    },
    hostOf: (request) => forwardedHost(request) ?? directClient.hostOf(request),
    isForwardedHost: (request) => forwardedHost(request) !== undefined,
    prefixOf: (request) => {
      const prefix = forwardedValue(request, 'x-forwarded-prefix') ?? '';
      if (prefix.length > MAX_PREFIX_CHARACTERS || !PREFIX.test(prefix)) return '';
      return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
    },
  };
}

function createTrust(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), familyOf(address));
  }
  // Asking the list takes longer than all else that is done here.
  const remembered = new BoundedMap<string, boolean>(MAX_REMEMBERED);
  return (address) => {
    const known = remembered.get(address);
    if (known !== undefined) return known;
    const isListed = isIP(address) !== 0 && list.check(address, familyOf(address));
    remembered.set(address, isListed);
    return isListed;
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** One entry of `X-Forwarded-For`, in its one spelling; some proxies add the port. */
function readAddress(entry: string): string | undefined {
  const text = entry.trim();
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const [address = ''] = bare.split('%', 1);
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return plainAddress(new SocketAddress({ address, family: 'ipv6' }).address);
    default:
      return undefined;
  }
}

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.join(',') ?? '');
}
