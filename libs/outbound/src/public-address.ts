import { lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '@flotilla/errors';
import ipaddr from 'ipaddr.js';

/** Whether an address belongs to the public internet: not loopback, private, link-local, or the like. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/** Whether the operator allows this `host:port` by name, wherever it is. */
export function isAllowedByName(url: URL, allowedHosts: ReadonlySet<string>): boolean {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return allowedHosts.has(`${url.hostname}:${port}`);
}

/** Whether a target may be called, as far as that can be said before its name is resolved. */
export function mayCall(url: URL, allowedHosts: ReadonlySet<string>): boolean {
  const host = hostOf(url);
  return isAllowedByName(url, allowedHosts) || isIP(host) === 0 || isPublicAddress(host);
}

/** Refuses a target inside the operator's networks, unless its `host:port` is allowed by name. */
export function checkTarget(url: URL, allowedHosts: ReadonlySet<string>): { readonly lookup?: LookupFunction } {
  if (!mayCall(url, allowedHosts)) throw privateAddress();
  return isAllowedByName(url, allowedHosts) || isIP(hostOf(url)) !== 0 ? {} : { lookup: publicLookup };
}

const hostOf = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '');

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
