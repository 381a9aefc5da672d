#!/usr/bin/env node
// Starts the command: from its TypeScript source in a checkout, from the compiled files in an installed package.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `asymmu needs Node 24 or newer, this is ${process.versions.node}; in a checkout 'npm ci' brings one, which npm and npx use\n`,
  );
  process.exit(2);
}
module.enableCompileCache?.();
const source = new URL('../actors/cli/main.ts', import.meta.url);
await import(existsSync(source) ? source.href : new URL('../dist/actors/cli/main.js', import.meta.url).href);
