export { checkTarget, isAllowedByName, isPublicAddress, mayCall } from './public-address.ts';
