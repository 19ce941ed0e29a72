import { lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '@flotilla/errors';
import ipaddr from 'ipaddr.js';

/** Whether an address belongs to the public internet: not loopback, private, link-local, or the like. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/** Refuses a target inside the operator's networks, unless its `host:port` is allowed by name. */
export function checkTarget(url: URL, allowedHosts: ReadonlySet<string>): { readonly lookup?: LookupFunction } {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (allowedHosts.has(`${url.hostname}:${port}`)) return {};
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return { lookup: publicLookup };
  if (!isPublicAddress(host)) throw privateAddress();
  return {};
}

/**
 * Resolves a name to public addresses only. The connection uses the very answer that was checked, so a name that changes
 * between check and use (DNS rebinding) gains nothing.
 */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0);
    if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(privateAddress(), '', 0);
    const [first] = addresses;
    if (options.all === true) return callback(null, addresses);
    return callback(null, first?.address ?? '', first?.family ?? 0);
  });
};

function privateAddress(): AppError {
  return new AppError(
    'failed_precondition',
    'HTTP_TARGET_PRIVATE',
    'The address is not on the public internet, and the operator does not allow it by name.',
  );
}
