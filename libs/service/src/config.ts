import type { Environment } from '@flotilla/config';

/** The environment and the arguments of this process. */
export const ownProcess: { readonly env: Environment; readonly argv: readonly string[] } = {
  env: process.env,
  argv: process.argv.slice(2),
};
