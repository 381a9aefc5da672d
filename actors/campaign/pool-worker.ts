import module from 'node:module';
import { pathToFileURL } from 'node:url';
import { workerFile } from './worker-file.ts';

/**
 * Where a worker of any pool begins: with the cache of compiled code, which a thread has to ask for itself, before anything
 * else is loaded. It saves two thirds of its start. Which worker it is, its last argument says.
 */
module.enableCompileCache?.();
const { default: work } = await import(pathToFileURL(workerFile(process.argv.at(-1)!)).href);

export default work;
