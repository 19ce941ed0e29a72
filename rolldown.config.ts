import { cpSync, existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { defineConfig } from 'rolldown';

/** Packages with native parts or run-time file look-ups: installed beside the bundle, never inside it. */
const external = [
  ...builtinModules.flatMap((name) => [name, `node:${name}`]),
  /^@node-rs\//,
  /^@temporalio\//,
  /^node-llama-cpp/,
  /^@node-llama-cpp/,
  'pg-native',
  '@fastify/swagger-ui',
];

/** Bundles a service into one file, `dist/main.js`; run from the service's folder. Migrations travel beside it. */
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  external,
  output: { file: 'dist/main.js', format: 'esm', sourcemap: true, codeSplitting: false },
  plugins: [
    {
      name: 'copy-migrations',
      writeBundle() {
        if (existsSync('src/db/migrations')) cpSync('src/db/migrations', 'dist/migrations', { recursive: true });
      },
    },
  ],
});
