import { type LookupAddress, lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { UpstreamError } from './upstream-error.ts';

const PRIVATE =
  "its host resolves to a private address, which is not reached where a user's value is part of the url; " +
  'set "allowPrivateAddresses" for the server if that is meant';
const LINK_LOCAL =
  "its host stands for a link-local address, which is not reached where a user's value is part of the url";

/** `link-local`: where clouds serve a machine's credentials to any process on it; `private`: every other internal address. */
export type AddressKind = 'public' | 'private' | 'link-local';

/** Amazon's address outside the link-local range. */
const METADATA_IPV6 = ipaddr.parse('fd00:ec2::254').toNormalizedString();

/** Keeps connections from addresses that are not public. */
export interface AddressGuard {
  /** What forbids the host itself, which node does not look up when it is written as an address. */
  refusalOf(url: URL): UpstreamError | undefined;
  /**
   * Resolves for a connection and fails with `UpstreamError` if any address of the answer is refused: since the
   * connection is made to this very answer, no later one can slip in.
   */
  readonly lookup: LookupFunction;
}

/** Makes the guard; `lookup` stands in for node's own. */
export function createAddressGuard(lookup: LookupFunction = resolve): AddressGuard {
  return {
    refusalOf({ hostname }) {
      const host = hostname.replace(/^\[|\]$/g, '');
      return isIP(host) === 0 ? undefined : refusalOf([host], true);
    },
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, answer, family) => {
        if (error !== null) {
          callback(error, []);
          return;
        }
        const addresses = toList(answer, family);
        const refusal = refusalOf(
          addresses.map(({ address }) => address),
          hostname === 'localhost',
        );
        const [first] = addresses;
        if (refusal !== undefined) callback(refusal, []);
        else if (options.all === true || first === undefined) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    },
  };
}

function toList(answer: string | readonly LookupAddress[], family: number | undefined): LookupAddress[] {
  return typeof answer === 'string' ? [{ address: answer, family: family ?? isIP(answer) }] : [...answer];
}

/** A host that the admin wrote as an address or as `localhost` is allowed on purpose; a link-local one is never allowed. */
function refusalOf(addresses: readonly string[], isOwnChoice: boolean): UpstreamError | undefined {
  const kinds = new Set(addresses.map(addressKind));
  if (kinds.has('link-local')) return new UpstreamError(LINK_LOCAL, { isNotSent: true });
  if (kinds.has('private') && !isOwnChoice) return new UpstreamError(PRIVATE, { isNotSent: true });
  return undefined;
}

/**
 * Judges an IP address by the special ranges of IPv4 and IPv6 (RFC 6890). Only global unicast is public: addresses that
 * hold an IPv4 address (mapped, NAT64, 6to4) are not, whatever they hold; nor is a text that is not an address.
 */
export function addressKind(text: string): AddressKind {
  if (isIP(text) === 0) return 'private';
  const address = ipaddr.parse(text);
  if (address.range() === 'linkLocal') return 'link-local';
  if (address.kind() === 'ipv4') return address.range() === 'unicast' ? 'public' : 'private';
  if (address.toNormalizedString() === METADATA_IPV6) return 'link-local';
  const bytes = address.toByteArray();
  if (embeddedIPv4(bytes)?.range() === 'linkLocal') return 'link-local';
  return address.range() === 'unicast' && isGlobalUnicast(bytes) ? 'public' : 'private';
}

/** 2000::/3 is all that was ever given out (RFC 4291, section 2.4). */
function isGlobalUnicast([first = 0]: readonly number[]): boolean {
  return first >> 5 === 1;
}

function embeddedIPv4(bytes: readonly number[]): ipaddr.IPv4 | undefined {
  const [a, b] = bytes;
  // 6to4 (RFC 3056) has it after its prefix.
  if (a === 0x20 && b === 0x02) return new ipaddr.IPv4(bytes.slice(2, 6));
  // Mapped and compatible (RFC 4291), translated (RFC 6145) and NAT64 (RFC 6052, RFC 8215) ones have it at their end.
  const isTranslated = bytes.slice(0, 8).every((byte) => byte === 0) || (a === 0 && b === 0x64);
  return isTranslated ? new ipaddr.IPv4(bytes.slice(12)) : undefined;
}
