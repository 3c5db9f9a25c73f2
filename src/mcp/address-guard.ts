import { type LookupAddress, lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { addressKind } from './address-kind.ts';
import { UpstreamError } from './upstream-error.ts';

const PRIVATE =
  "its host resolves to a private address, which is not reached where a user's value is part of the url; " +
  'set "allowPrivateAddresses" for the server if that is meant';
const LINK_LOCAL =
  "its host stands for a link-local address, which is not reached where a user's value is part of the url";

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
  if (kinds.has('link-local')) return new UpstreamError({ reason: LINK_LOCAL, isNotSent: true });
  if (kinds.has('private') && !isOwnChoice) return new UpstreamError({ reason: PRIVATE, isNotSent: true });
  return undefined;
}
